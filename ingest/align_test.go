package ingest

import (
	"errors"
	"iter"
	"math/rand/v2"
	"testing"

	"vbfs/index/block"
	"vbfs/index/format"
)

func sequence(es []Extent) iter.Seq2[Extent, error] {
	return func(yield func(Extent, error) bool) {
		for _, e := range es {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// randomExtents gives extents of a disk, all of it with full, else with gaps.
func randomExtents(r *rand.Rand, size int64, full bool) (out []Extent) {
	for off := int64(0); off < size; {
		n := min(1+r.Int64N(3*block.Size), size-off)
		if r.IntN(3) == 0 {
			n = min((n+block.Size-1)&^(block.Size-1), size-off)
		}
		if full || r.IntN(3) > 0 {
			out = append(out, Extent{off, n, r.IntN(2) == 0})
		}
		off += n
	}
	return out
}

// A block is read when any of it is data or not wholly known to be zero, zero when all of it is, and otherwise left.
func TestAlignAgainstBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		size := 1 + r.Int64N(40*block.Size)
		full := r.IntN(2) == 0
		es := randomExtents(r, size, full)
		type state struct{ data, zero int64 }
		bytes := make([]state, block.Count(size))
		for _, e := range es {
			for off := e.Off; off < e.Off+e.Len; {
				n := min(block.Size-off&(block.Size-1), e.Off+e.Len-off)
				if e.Zero {
					bytes[off>>block.Log2Size].zero += n
				} else {
					bytes[off>>block.Log2Size].data += n
				}
				off += n
			}
		}
		got := make([]int, len(bytes)) // 0 left, 1 read, 2 zero
		last := int64(0)
		for j, err := range jobs(align(join(sequence(es), size, full), size)) {
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range j.spans {
				if s.First < last || s.First>>format.Log2Leaf != j.leaf || (s.End()-1)>>format.Log2Leaf != j.leaf {
					t.Fatalf("span %+v in leaf %d after %d", s, j.leaf, last)
				}
				last = s.End()
				for n := s.First; n < s.End(); n++ {
					got[n] = 1
					if s.zero {
						got[n] = 2
					}
				}
			}
		}
		for n, b := range bytes {
			want := 0
			switch {
			case b.zero == int64(block.Len(int64(n), size)):
				want = 2
			case b.data+b.zero > 0:
				want = 1
			}
			if got[n] != want {
				t.Fatalf("block %d of %d bytes, with %+v: %d, not %d (%v)", n, size, b, got[n], want, es)
			}
		}
	}
}

func TestExtentsThatDoNotAddUp(t *testing.T) {
	const size = 10 * block.Size
	for name, test := range map[string]struct {
		full bool
		es   []Extent
	}{
		"gap":              {true, []Extent{{0, 100, false}, {200, size - 200, false}}},
		"late begin":       {true, []Extent{{1, size - 1, false}}},
		"early end":        {true, []Extent{{0, size - 1, false}}},
		"nothing":          {true, nil},
		"overlap":          {false, []Extent{{0, 100, false}, {99, 100, true}}},
		"backwards":        {false, []Extent{{block.Size, 100, false}, {0, 100, false}}},
		"beyond the end":   {false, []Extent{{size - 10, 11, false}}},
		"far beyond":       {false, []Extent{{1 << 62, 1 << 62, false}}},
		"empty":            {false, []Extent{{0, 0, false}}},
		"negative length":  {false, []Extent{{0, -5, false}}},
		"negative offset":  {false, []Extent{{-5, 10, false}}},
		"length overflows": {false, []Extent{{10, 1<<63 - 1, true}}},
	} {
		t.Run(name, func(t *testing.T) {
			var last error
			for _, err := range jobs(align(join(sequence(test.es), size, test.full), size)) {
				last = err
			}
			if !errors.Is(last, ErrExtents) || !errors.Is(last, ErrSource) {
				t.Errorf("got %v", last)
			}
		})
	}
}
