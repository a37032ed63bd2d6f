package imagemap

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"vbfs/index/block"
	"vbfs/index/format"
)

// A shelf keeps nodes in memory, as the tree packs of a repository do.
type shelf struct {
	mu     sync.Mutex
	nodes  map[format.Address][]byte
	stored [format.MaxHeight + 1]int // by level
	loads  int
	sum    *block.Summer
	fail   error // of the next stores, when set
}

func newShelf() *shelf {
	return &shelf{nodes: map[format.Address][]byte{}, sum: block.NewSummer([32]byte{1})}
}

func (s *shelf) hash(b []byte) (h format.NodeHash) {
	id := s.sum.Sum(b)
	copy(h[:], id[:])
	return h
}

func (s *shelf) Store(_ context.Context, level uint8, b []byte) (format.Child, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return format.Child{}, s.fail
	}
	n := len(s.nodes)
	at := format.Address{Pack: packID(n >> 12), Slot: uint16(n & 0xfff)}
	s.nodes[at] = slices.Clone(b)
	s.stored[level]++
	return format.Child{Kind: format.Data, At: at, Hash: s.hash(b), Off: uint32(n), Len: uint16(len(b))}, nil
}

func (s *shelf) Load(_ context.Context, c format.Child) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loads++
	b, ok := s.nodes[c.At]
	if !ok || s.hash(b) != c.Hash {
		return nil, malformed("no such node as %v", c.At)
	}
	return b, nil
}

func (s *shelf) open(t testing.TB, root []byte, size int64) *Map {
	t.Helper()
	m, err := Open(root, size, s, NewCache(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func packID(n int) (p format.PackID) {
	binary.LittleEndian.PutUint64(p[:], uint64(n+1))
	return p
}

// A disk is the model: where each block that is not zero lies.
type disk struct {
	size int64
	at   map[int64]format.Address
}

func newDisk(size int64) *disk { return &disk{size, map[int64]format.Address{}} }

func (d *disk) clone() *disk {
	c := newDisk(d.size)
	for n, a := range d.at {
		c.at[n] = a
	}
	return c
}

func (d *disk) resize(size int64) *disk {
	c := newDisk(size)
	for n, a := range d.at {
		if n < block.Count(size) {
			c.at[n] = a
		}
	}
	return c
}

// scribble changes a few runs of blocks and gives the leaves that it touched.
func (d *disk) scribble(r *rand.Rand, times int) map[int64]bool {
	touched, blocks := map[int64]bool{}, block.Count(d.size)
	for range times {
		first, n := r.Int64N(blocks), 1+r.Int64N(1<<r.IntN(10))
		a := format.Address{Pack: packID(1000 + r.IntN(5)), Slot: uint16(r.IntN(1 << 15))}
		zero := r.IntN(3) == 0
		for i := first; i < min(first+n, blocks); i++ {
			touched[i/format.LeafSize] = true
			if d.at[i] = a; zero {
				delete(d.at, i)
			}
			a.Slot++
		}
	}
	return touched
}

// term stands for what a block adds to the digest.
func term(n int64, a format.Address) block.Digest {
	x := binary.LittleEndian.Uint64(a.Pack[:])<<16 | uint64(a.Slot)
	return block.Digest{Lo: (uint64(n) + 1) * 0x9e3779b97f4a7c15 * x, Hi: x * 0xbf58476d1ce4e5b9}
}

func (d *disk) digest() (sum block.Digest) {
	for n, a := range d.at {
		sum = sum.Add(term(n, a))
	}
	return sum
}

func (d *disk) leaf(i int64) *format.Leaf {
	l := new(format.Leaf)
	for n := i * format.LeafSize; n < min((i+1)*format.LeafSize, block.Count(d.size)); n++ {
		r := format.Run{First: int(n % format.LeafSize), N: 1}
		if a, ok := d.at[n]; ok {
			r.Kind, r.At = format.Data, a
			l.Digest = l.Digest.Add(term(n, a))
		}
		l.Append(r)
	}
	return l
}

func (d *disk) all() map[int64]bool {
	leaves := map[int64]bool{}
	for i := range shapeOf(d.size).count(1) {
		leaves[i] = true
	}
	return leaves
}

// runs gives the runs of the model block by block.
func (d *disk) runs(r block.Range) (out []Run) {
	for n := r.First; n < r.End(); n++ {
		next := Run{First: n, N: 1}
		if a, ok := d.at[n]; ok {
			next.Kind, next.At = format.Data, a
		}
		if len(out) > 0 && out[len(out)-1].follows(next) {
			out[len(out)-1].N++
		} else {
			out = append(out, next)
		}
	}
	return out
}

// build makes the map of d, setting the leaves in a random order, and opens it with an empty cache.
func (s *shelf) build(t testing.TB, d *disk, leaves map[int64]bool, base *Map, baseData int64) (*Map, Result) {
	t.Helper()
	b := NewBuilder(d.size, base, baseData, s.Store)
	for i := range leaves {
		if err := b.SetLeaf(t.Context(), i, d.leaf(i)); err != nil {
			t.Fatal(err)
		}
	}
	res, err := b.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.open(t, res.Root, d.size), res
}

func collect(t testing.TB, m *Map, r block.Range) (out []Run) {
	t.Helper()
	for run, err := range m.Runs(t.Context(), r) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, run)
	}
	return out
}

// check compares a map with its model in every way there is to read it.
func check(t testing.TB, r *rand.Rand, m *Map, d *disk) {
	t.Helper()
	ctx, blocks := t.Context(), block.Count(d.size)
	all := block.Range{N: blocks}
	if got, want := collect(t, m, all), d.runs(all); !slices.Equal(got, want) {
		t.Fatalf("runs of the disk:\n%v, not\n%v", got, want)
	}
	for _, run := range d.runs(all) { // the model joins runs with the same code: what it joined is what each block has
		for n := run.First; n < run.End() && run.Kind == format.Data; n++ {
			if run.Address(n) != d.at[n] {
				t.Fatalf("block %d of %v lies at %v", n, run, d.at[n])
			}
		}
	}
	if m.Digest() != d.digest() {
		t.Fatal("wrong digest")
	}
	for range 50 {
		n := r.Int64N(blocks)
		part := block.Range{First: n, N: 1 + r.Int64N(min(blocks-n, 700))}
		if got, want := collect(t, m, part), d.runs(part); !slices.Equal(got, want) {
			t.Fatalf("runs of %v: %v, not %v", part, got, want)
		}
		checkFind(t, m, d, n)
		if l, err := m.Leaf(ctx, n/format.LeafSize); err != nil || !equalLeaves(l, d.leaf(n/format.LeafSize)) {
			t.Fatalf("leaf %d: %v, %v", n/format.LeafSize, l, err)
		}
	}
	if err := surveyed(ctx, m, func(i int64, l *format.Leaf) error {
		if !equalLeaves(l, d.leaf(i)) {
			return fmt.Errorf("leaf %d differs", i)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func checkFind(t testing.TB, m *Map, d *disk, n int64) {
	t.Helper()
	run, err := m.Find(t.Context(), n)
	if err != nil || run.First != n || run.N < 1 || run.End() > m.Blocks() {
		t.Fatalf("find %d: %v, %v", n, run, err)
	}
	if want := d.runs(block.Range{First: n, N: run.N}); len(want) != 1 || want[0] != run {
		t.Fatalf("find %d: %v, not %v", n, run, want)
	}
}
