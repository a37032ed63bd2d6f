package imagemap

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"vbfs/index/block"
	"vbfs/index/format"
)

// full makes a map of that many leaves of data, in height 3.
func full(t testing.TB, s *shelf) (*Map, *disk, Result) {
	t.Helper()
	r, d := rand.New(rand.NewPCG(9, 9)), newDisk((format.Span(2)+20*format.Span(1)+7)*block.Size)
	d.scribble(r, 400)
	m, res := s.build(t, d, d.all(), nil, 0)
	return m, d, res
}

func TestOneLeafWritesOnePath(t *testing.T) {
	t.Parallel()
	s := newShelf()
	m, d, res := full(t, s)
	before := s.stored
	d = d.clone()
	d.at[70] = format.Address{Pack: packID(7), Slot: 7}
	m2, res2 := s.build(t, d, map[int64]bool{0: true}, m, res.Data)
	if a, b := s.stored[1]-before[1], s.stored[2]-before[2]; a != 1 || b != 1 || s.stored[3] != 0 {
		t.Errorf("stored %d leaves, %d inner nodes, %d roots", a, b, s.stored[3])
	}
	if slices.Equal(res.Root, res2.Root) {
		t.Error("the root is the same")
	}
	check(t, rand.New(rand.NewPCG(1, 1)), m2, d)
}

func TestEqualWritesNothing(t *testing.T) {
	t.Parallel()
	s := newShelf()
	m, d, res := full(t, s)
	before := s.stored
	for name, leaves := range map[string]map[int64]bool{"none": nil, "one": {3: true}, "all": d.all()} {
		_, again := s.build(t, d, leaves, m, res.Data)
		if s.stored != before || !slices.Equal(again.Root, res.Root) || again.Data != res.Data {
			t.Errorf("%s set: stored %v, had %v; data %d, not %d", name, s.stored, before, again.Data, res.Data)
		}
	}
}

// TestGrownSharesNodes grows a disk by a whole leaf: all leaves before are written again by nobody.
func TestGrownSharesNodes(t *testing.T) {
	t.Parallel()
	s, d := newShelf(), newDisk(10*format.Span(1)*block.Size)
	d.scribble(rand.New(rand.NewPCG(5, 5)), 100)
	m, res := s.build(t, d, d.all(), nil, 0)
	before := s.stored
	grown := d.resize(d.size + format.Span(1)*block.Size)
	m2, res2 := s.build(t, grown, grown.all(), m, res.Data)
	if s.stored != before || res2.Data != res.Data {
		t.Errorf("stored %v, had %v; data %d, not %d", s.stored, before, res2.Data, res.Data)
	}
	check(t, rand.New(rand.NewPCG(1, 1)), m2, grown)
}

func TestZeroIsNoNode(t *testing.T) {
	t.Parallel()
	s, d := newShelf(), newDisk((format.Span(2)+5)*block.Size)
	m, res := s.build(t, d, d.all(), nil, 0)
	if len(s.nodes) != 0 || res.Data != 0 {
		t.Errorf("%d nodes, %d data blocks", len(s.nodes), res.Data)
	}
	withData := d.clone()
	withData.at[3] = format.Address{Pack: packID(1)}
	m, res = s.build(t, withData, map[int64]bool{0: true}, m, res.Data)
	back, again := s.build(t, d, map[int64]bool{0: true}, m, res.Data)
	if back.Digest() != (block.Digest{}) || again.Data != 0 || len(collect(t, back, block.Range{N: back.Blocks()})) != 1 {
		t.Error("zero again is not zero")
	}
}

// TestUnknownStays keeps what was never captured apart from zero, on its way through stored nodes.
func TestUnknownStays(t *testing.T) {
	t.Parallel()
	s, d := newShelf(), newDisk(3*format.Span(1)*block.Size)
	b := NewBuilder(d.size, nil, 0, s.Store)
	var e Edit
	for i := range int64(3) {
		e.Blank(format.LeafSize)
		if i == 1 {
			e.SetZero(9)
		}
		if err := b.SetLeaf(t.Context(), i, e.Leaf(block.Digest{Lo: 1})); err != nil {
			t.Fatal(err)
		}
	}
	res, err := b.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := s.open(t, res.Root, d.size)
	want := []Run{{0, 265, format.Unknown, format.Address{}}, {265, 1, format.Zero, format.Address{}},
		{266, 502, format.Unknown, format.Address{}}}
	if got := collect(t, m, block.Range{N: m.Blocks()}); !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
}

func TestMissingLeaf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		leaves int64
		skip   int64
	}{{1, 0}, {3, 0}, {3, 2}, {256, 77}, {300, 0}, {300, 255}, {300, 256}, {300, 299}} {
		d := newDisk((test.leaves*format.LeafSize - 3) * block.Size)
		b := NewBuilder(d.size, nil, 0, newShelf().Store)
		for i := range test.leaves {
			if i == test.skip {
				continue
			}
			if err := b.SetLeaf(t.Context(), i, d.leaf(i)); err != nil {
				t.Fatal(err)
			}
		}
		_, err := b.Finish(t.Context())
		var missing *MissingError
		if !errors.As(err, &missing) {
			t.Fatalf("%v: %v", test, err)
		}
		want := block.Range{First: test.skip * format.LeafSize, N: int64(d.leaf(test.skip).N)}
		if missing.Range != want {
			t.Errorf("%v: missing %v, not %v", test, missing.Range, want)
		}
	}
}

// TestErrorEndsBuild makes one SetLeaf go wrong: a map in which the base's leaf stands for it must never come out.
func TestErrorEndsBuild(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, wrong := range map[string]struct {
		set  func(s *shelf, b *Builder, d *disk) error
		want error
	}{
		"store": {func(s *shelf, b *Builder, d *disk) error {
			s.fail = boom
			defer func() { s.fail = nil }()
			return b.SetLeaf(t.Context(), 1, d.leaf(1))
		}, boom},
		"twice": {func(s *shelf, b *Builder, d *disk) error {
			return errors.Join(b.SetLeaf(t.Context(), 1, d.leaf(1)), b.SetLeaf(t.Context(), 1, d.leaf(1)))
		}, ErrTwice},
		"outside": {func(s *shelf, b *Builder, d *disk) error {
			return b.SetLeaf(t.Context(), 5000, d.leaf(1))
		}, ErrRange},
		"short": {func(s *shelf, b *Builder, d *disk) error {
			return b.SetLeaf(t.Context(), 1, d.resize(d.size-block.Size).leaf(b.count(1)-1))
		}, format.ErrMalformed},
		"zero with a digest": {func(s *shelf, b *Builder, d *disk) error {
			l := zeroLeaf(format.LeafSize)
			l.Digest.Lo = 1
			return b.SetLeaf(t.Context(), 1, l)
		}, format.ErrMalformed},
		"runs not joined": {func(s *shelf, b *Builder, d *disk) error {
			return b.SetLeaf(t.Context(), 1, &format.Leaf{N: 256, Runs: []format.Run{{First: 0, N: 6}, {First: 6, N: 250}}})
		}, format.ErrMalformed},
		"base lost": {func(s *shelf, b *Builder, d *disk) error {
			clear(s.nodes)
			b.base.cache = NewCache(1)
			return b.SetLeaf(t.Context(), 1, d.leaf(1))
		}, format.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf()
			m, d, res := full(t, s)
			d = d.clone()
			d.at[256], d.at[257] = format.Address{Pack: packID(7), Slot: 7}, format.Address{Pack: packID(9), Slot: 1}
			b := NewBuilder(d.size, m, res.Data, s.Store)
			if err := wrong.set(s, b, d); !errors.Is(err, wrong.want) {
				t.Errorf("set: %v", err)
			}
			if _, err := b.Finish(t.Context()); !errors.Is(err, wrong.want) {
				t.Errorf("finish: %v", err)
			}
		})
	}
}

// TestManyWorkers sets leaves from several goroutines, over a base and without one.
func TestManyWorkers(t *testing.T) {
	t.Parallel()
	s := newShelf()
	base, d, res := full(t, s)
	e := d.clone()
	e.scribble(rand.New(rand.NewPCG(4, 4)), 60)
	for _, base := range []*Map{nil, base} {
		b := NewBuilder(e.size, base, res.Data, s.Store)
		leaves := make(chan int64)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for i := range leaves {
					if err := b.SetLeaf(t.Context(), i, e.leaf(i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for i := range e.all() {
			leaves <- i
		}
		close(leaves)
		wg.Wait()
		res, err := b.Finish(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if res.Data != int64(len(e.at)) {
			t.Errorf("%d data blocks, not %d", res.Data, len(e.at))
		}
		check(t, rand.New(rand.NewPCG(1, 1)), s.open(t, res.Root, e.size), e)
	}
}

// TestNothingStaysPending holds a full that goes through the disk in order to one group a level.
func TestNothingStaysPending(t *testing.T) {
	t.Parallel()
	d := newDisk(3 * format.Span(2) * block.Size)
	b := NewBuilder(d.size, nil, 0, newShelf().Store)
	for i := range b.count(1) {
		if err := b.SetLeaf(t.Context(), i, d.leaf(i)); err != nil {
			t.Fatal(err)
		}
		if len(b.pending) > 2 {
			t.Fatalf("%d groups after leaf %d", len(b.pending), i)
		}
	}
}
