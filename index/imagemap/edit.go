package imagemap

import (
	"vbfs/index/block"
	"vbfs/index/format"
)

// An Edit is a leaf with its runs expanded, to be changed block by block. It is large (3 KiB) and made to be used again:
// one for each worker. Its zero value is a leaf without blocks.
type Edit struct {
	n    int
	kind [format.LeafSize]format.RunKind
	at   [format.LeafSize]format.Address
}

// Blank begins a leaf of n blocks of which nothing is known.
func (e *Edit) Blank(n int) {
	e.n = n
	for i := range n {
		e.kind[i] = format.Unknown
	}
}

// Open begins with what l has.
func (e *Edit) Open(l *format.Leaf) {
	e.n = l.N
	for _, r := range l.Runs {
		for i := r.First; i < r.First+r.N; i++ {
			e.kind[i] = r.Kind
			if r.Kind == format.Data {
				e.at[i] = r.Address(i)
			}
		}
	}
}

// N counts the blocks.
func (e *Edit) N() int { return e.n }

// Get tells what block i is and, when it is data, where it lies.
func (e *Edit) Get(i int) (format.RunKind, format.Address) {
	if e.kind[i] != format.Data {
		return e.kind[i], format.Address{}
	}
	return format.Data, e.at[i]
}

// Set says that block i lies at a.
func (e *Edit) Set(i int, a format.Address) { e.kind[i], e.at[i] = format.Data, a }

// SetZero says that block i is all zero.
func (e *Edit) SetZero(i int) { e.kind[i] = format.Zero }

// Leaf gives the run-coded leaf, with the digest that the caller has kept.
func (e *Edit) Leaf(digest block.Digest) *format.Leaf {
	l := &format.Leaf{Digest: digest, Runs: make([]format.Run, 0, e.runs())}
	for i := range e.n {
		kind, at := e.Get(i)
		l.Append(format.Run{First: i, N: 1, Kind: kind, At: at})
	}
	return l
}

// runs counts the runs, so that a leaf is allocated once and in its size.
func (e *Edit) runs() (n int) {
	for i := range e.n {
		if i == 0 || e.kind[i] != e.kind[i-1] || e.kind[i] == format.Data && e.at[i] != after(e.at[i-1]) {
			n++
		}
	}
	return n
}

func after(a format.Address) format.Address { return format.Address{Pack: a.Pack, Slot: a.Slot + 1} }
