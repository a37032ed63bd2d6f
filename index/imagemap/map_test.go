package imagemap

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"vbfs/index/block"
	"vbfs/index/format"
)

// Sizes at every border of the tree's shape.
var sizes = []int64{
	1, block.Size - 1, block.Size, 200*block.Size + 17,
	format.Span(1) * block.Size, format.Span(1)*block.Size + 1, 37*format.Span(1)*block.Size - 5,
	format.Span(2) * block.Size, format.Span(2)*block.Size + 1, (format.Span(2) + 20*format.Span(1) + 7) * block.Size,
}

// TestPoints takes disks through a history of increments and checks every point at its end against a plain model.
func TestPoints(t *testing.T) {
	for _, size := range sizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			r, s := rand.New(rand.NewPCG(1, uint64(size))), newShelf()
			d := newDisk(size)
			d.scribble(r, 30)
			m, res := s.build(t, d, d.all(), nil, 0)
			points := []point{{d, m}}
			for range 6 {
				d = d.clone()
				m, res = s.build(t, d, d.scribble(r, 1+r.IntN(5)), m, res.Data)
				points = append(points, point{d, m})
				if res.Data != int64(len(d.at)) || res.Digest != d.digest() || res.Height != format.Height(size) {
					t.Fatalf("%d data blocks, not %d, or digest or height", res.Data, len(d.at))
				}
			}
			for i, p := range points {
				check(t, r, p.m, p.d)
				checkDiff(t, points[i], points[r.IntN(len(points))])
			}
		})
	}
}

// A point is a map and its model.
type point struct {
	d *disk
	m *Map
}

func checkDiff(t *testing.T, a, b point) {
	t.Helper()
	var got []block.Range
	for r, err := range Diff(t.Context(), a.m, b.m) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r)
	}
	if want := differing(a.d, b.d); !slices.Equal(got, want) {
		t.Fatalf("diff %v, not %v", got, want)
	}
}

// differing compares the models block by block.
func differing(a, b *disk) (out []block.Range) {
	for n := range max(block.Count(a.size), block.Count(b.size)) {
		if block.Len(n, a.size) == block.Len(n, b.size) && a.at[n] == b.at[n] {
			continue
		}
		if len(out) > 0 && out[len(out)-1].End() == n {
			out[len(out)-1].N++
		} else {
			out = append(out, block.Range{First: n, N: 1})
		}
	}
	return out
}

// TestResize rebuilds a disk at other sizes: nothing is inherited, what is equal is shared, and Diff sees the rest.
func TestResize(t *testing.T) {
	t.Parallel()
	for _, from := range sizes {
		for _, to := range sizes {
			r, s := rand.New(rand.NewPCG(uint64(from), uint64(to))), newShelf()
			d := newDisk(from)
			d.scribble(r, 5)
			m, res := s.build(t, d, d.all(), nil, 0)
			e := d.resize(to)
			e.scribble(r, 2)
			n, _ := s.build(t, e, e.all(), m, res.Data)
			check(t, r, n, e)
			checkDiff(t, point{d, m}, point{e, n})
		}
	}
}

// hole gives the map of a disk of 16 TiB that is all zero, and its one data block if there is any.
func hole(t testing.TB, s *shelf, set ...int64) (*Map, *disk) {
	t.Helper()
	const size = 16 << 40
	root := format.Inner{Level: 4, Children: make([]format.Child, 16)}
	base, d := s.open(t, root.Marshal(), size), newDisk(size)
	if len(set) == 0 {
		return base, d
	}
	leaves := map[int64]bool{}
	for _, n := range set {
		d.at[n] = format.Address{Pack: packID(1), Slot: uint16(n)}
		leaves[n/format.LeafSize] = true
	}
	m, res := s.build(t, d, leaves, base, 0)
	if res.Data != int64(len(set)) {
		t.Fatalf("%d data blocks, not %d", res.Data, len(set))
	}
	return m, d
}

func TestHugeHole(t *testing.T) {
	t.Parallel()
	s := newShelf()
	m, _ := hole(t, s)
	for _, n := range []int64{0, 1, m.Blocks() / 2, m.Blocks() - 1} {
		if run, err := m.Find(t.Context(), n); err != nil || run != (Run{First: n, N: m.Blocks() - n}) {
			t.Errorf("find %d: %v, %v", n, run, err)
		}
	}
	middle := m.Blocks() / 2
	m, _ = hole(t, s, middle)
	want := []Run{
		{First: 0, N: middle},
		{First: middle, N: 1, Kind: format.Data, At: format.Address{Pack: packID(1), Slot: uint16(middle)}},
		{First: middle + 1, N: m.Blocks() - middle - 1},
	}
	if got := collect(t, m, block.Range{N: m.Blocks()}); !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	if s.loads > 3 {
		t.Errorf("%d loads for a path of 3 nodes", s.loads)
	}
}

func TestOutside(t *testing.T) {
	t.Parallel()
	m, _ := hole(t, newShelf())
	for _, n := range []int64{-1, m.Blocks(), 1 << 62} {
		if _, err := m.Find(t.Context(), n); !errors.Is(err, ErrRange) {
			t.Errorf("find %d: %v", n, err)
		}
		for _, err := range m.Runs(t.Context(), block.Range{First: n, N: 1}) {
			if !errors.Is(err, ErrRange) {
				t.Errorf("runs from %d: %v", n, err)
			}
		}
		if _, err := m.Leaf(t.Context(), n); !errors.Is(err, ErrRange) {
			t.Errorf("leaf %d: %v", n, err)
		}
	}
}

func TestNoBytes(t *testing.T) {
	t.Parallel()
	b := NewBuilder(0, nil, 0, newShelf().Store)
	res, err := b.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := newShelf().open(t, res.Root, 0)
	if _, err := m.Find(t.Context(), 0); !errors.Is(err, ErrRange) {
		t.Errorf("found a block: %v", err)
	}
	if got := collect(t, m, block.Range{}); got != nil || m.Leaves() != 0 {
		t.Errorf("%v in %d leaves", got, m.Leaves())
	}
}

// TestRunsStop breaks out of every iteration early: none may go on.
func TestRunsStop(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	s, d := newShelf(), newDisk(sizes[len(sizes)-1])
	d.scribble(r, 50)
	m, _ := s.build(t, d, d.all(), nil, 0)
	empty, _ := s.build(t, newDisk(d.size), d.all(), nil, 0)
	total := len(collect(t, m, block.Range{N: m.Blocks()}))
	for stop := 1; stop < total; stop += 7 {
		n := 0
		for range m.Runs(t.Context(), block.Range{N: m.Blocks()}) {
			if n++; n == stop {
				break
			}
		}
	}
	for range Diff(t.Context(), m, empty) {
		break
	}
}

// A gate is a shelf whose loads wait until they are let go or cancelled.
type gate struct {
	*shelf
	open chan struct{}
}

func (g gate) Load(ctx context.Context, c format.Child) ([]byte, error) {
	select {
	case <-g.open:
		return g.shelf.Load(ctx, c)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestCancelIsNotShared cancels a reader whose load another reader waits for.
func TestCancelIsNotShared(t *testing.T) {
	s := newShelf()
	m, d := hole(t, s, 5)
	synctest.Test(t, func(t *testing.T) {
		g := gate{s, make(chan struct{})}
		m.nodes, m.cache = g, NewCache(1<<20)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := m.Find(ctx, 5); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled reader got %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if run, err := m.Find(t.Context(), 5); err != nil || run.At != d.at[5] {
				t.Errorf("the other got %v, %v", run, err)
			}
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(g.open)
		wg.Wait()
	})
}

// TestDiffOfHeights compares disks with data to larger and smaller ones that are all zero.
func TestDiffOfHeights(t *testing.T) {
	t.Parallel()
	for _, a := range sizes {
		for _, b := range sizes {
			s, d, e := newShelf(), newDisk(a), newDisk(b)
			d.at[0] = format.Address{Pack: packID(1)}
			m, _ := s.build(t, d, d.all(), nil, 0)
			n, _ := s.build(t, e, e.all(), nil, 0)
			checkDiff(t, point{d, m}, point{e, n})
			checkDiff(t, point{e, n}, point{d, m})
		}
	}
}
