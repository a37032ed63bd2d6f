package imagemap

import (
	"math/rand/v2"
	"testing"

	"vbfs/index/block"
	"vbfs/index/format"
)

// BenchmarkFind finds random blocks of a disk of 5 GiB, height 3, whose nodes are all in the cache.
func BenchmarkFind(b *testing.B) {
	s := newShelf()
	m, _, res := full(b, s)
	m, err := Open(res.Root, m.size, s, NewCache(64<<20))
	if err != nil {
		b.Fatal(err)
	}
	for n := range m.Blocks() {
		if _, err := m.Find(b.Context(), n); err != nil {
			b.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Find(b.Context(), r.Int64N(m.Blocks())); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFull builds the map of 16 TiB: 1,048,576 leaves of one run, in order.
func BenchmarkFull(b *testing.B) {
	const size = 16 << 40
	b.ReportAllocs()
	for b.Loop() {
		s := newShelf()
		m := NewBuilder(size, nil, 0, s.Store)
		for i := range m.count(1) {
			l := &format.Leaf{Digest: block.Digest{Lo: uint64(i)}}
			l.Append(format.Run{N: format.LeafSize, Kind: format.Data, At: format.Address{Pack: packID(int(i >> 6))}})
			if err := m.SetLeaf(b.Context(), i, l); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := m.Finish(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
