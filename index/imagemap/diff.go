package imagemap

import (
	"context"
	"iter"

	"vbfs/index/block"
	"vbfs/index/format"
)

// Diff gives the ranges of blocks that do not lie at the same address in a and b, or are zero in one alone, in order
// and as long as they can be. Subtrees whose pointers have equal hashes are not loaded. Sizes may differ: what only one
// of the two has counts as differing, with all of the block in which the smaller ends. An error is the last that it gives.
func Diff(ctx context.Context, a, b *Map) iter.Seq2[block.Range, error] {
	return func(yield func(block.Range, error) bool) {
		d := differ{common: a.blocks, yield: yield}
		if a.size != b.size { // the short last block of one is no block of the other
			d.common = min(a.size, b.size) >> block.Log2Size
		}
		level := max(a.height, b.height)
		err := d.nodes(ctx, level, 0, place{m: a}, place{m: b})
		if err == nil {
			d.add(d.common, max(a.blocks, b.blocks)-d.common)
			d.flush()
		}
		if err != nil && d.flush() {
			yield(block.Range{}, err)
		}
	}
}

// A place is a node in the tree of one map: the pointer to it, which counts below the root's level only.
type place struct {
	m *Map
	c format.Child
}

// zero tells whether all below p, on a level, is zero without a look at it.
func (p place) zero(level uint8) bool { return level < p.m.height && p.c.Kind == format.Zero }

// child gives the place of child i. Above a tree's root there is one child, the tree; callers ask for no other.
func (p place) child(n node, i int) place {
	if n.inner != nil {
		p.c = n.inner.Children[i]
	}
	return p
}

// load gives the node at p; none for what is zero or above the root.
func (p place) load(ctx context.Context, level uint8, index int64) (node, error) {
	switch {
	case level > p.m.height || p.zero(level):
		return node{}, nil
	case level == p.m.height:
		return p.m.root, nil
	}
	return p.m.load(ctx, level, index, p.c)
}

type differ struct {
	common int64 // blocks that both have, whole
	last   block.Range
	yield  func(block.Range, error) bool
	done   bool // yield wants no more
}

// nodes compares the node of a and b with that level and index.
func (d *differ) nodes(ctx context.Context, level uint8, index int64, a, b place) error {
	if d.done || d.same(level, a, b) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	x, err := a.load(ctx, level, index)
	if err != nil {
		return err
	}
	y, err := b.load(ctx, level, index)
	if err != nil {
		return err
	}
	if level == 1 {
		d.leaves(index, x.leaf, y.leaf)
		return nil
	}
	for i := range format.Fan {
		index := index*format.Fan + int64(i)
		if index*format.Span(level-1) >= d.common {
			break
		}
		if err := d.nodes(ctx, level-1, index, a.child(x, i), b.child(y, i)); err != nil {
			return err
		}
	}
	return nil
}

// same tells whether the pointers alone say that all below is equal.
func (d *differ) same(level uint8, a, b place) bool {
	if level >= a.m.height || level >= b.m.height {
		return false
	}
	return a.c.Kind == b.c.Kind && (a.c.Kind == format.Zero || a.c.Hash == b.c.Hash)
}

// leaves compares two leaves run by run; nil is one that is all zero.
func (d *differ) leaves(index int64, a, b *format.Leaf) {
	n := int(min(format.LeafSize, d.common-index<<format.Log2Leaf))
	if a == nil {
		a = zeroLeaf(n)
	}
	if b == nil {
		b = zeroLeaf(n)
	}
	for i := 0; i < n; {
		x, y := absolute(0, a.Find(i)).from(int64(i)), absolute(0, b.Find(i)).from(int64(i))
		step := min(x.N, y.N, int64(n-i))
		if x.Kind != y.Kind || x.At != y.At {
			d.add(index<<format.Log2Leaf+int64(i), step)
		}
		i += int(step)
	}
}

// add joins a range with the last one, or gives that one away.
func (d *differ) add(first, n int64) {
	if n == 0 {
		return
	}
	if d.last.End() == first {
		d.last.N += n
		return
	}
	d.flush()
	d.last = block.Range{First: first, N: n}
}

// flush gives the last range away and tells whether more is wanted.
func (d *differ) flush() bool {
	if d.last.N > 0 && !d.done {
		d.done = !d.yield(d.last, nil)
	}
	d.last = block.Range{}
	return !d.done
}
