package imagemap

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"vbfs/index/block"
	"vbfs/index/format"
)

// A coord is the place of a node in a tree.
type coord struct {
	level uint8
	index int64
}

func (c coord) parent() coord { return coord{c.level + 1, c.index / format.Fan} }

// A group is an inner node to be, which some of its children were set of.
type group struct {
	set    [format.Fan / 64]uint64
	change block.Digest // of the sum, by the children set: all of it, or against what the base has
	kids   []kid
}

type kid struct {
	i uint8
	c format.Child
}

func (g *group) has(i int64) bool { return g.set[i/64]>>(i%64)&1 != 0 }

func (g *group) put(i int64, c format.Child) {
	g.set[i/64] |= 1 << (i % 64)
	g.kids = append(g.kids, kid{uint8(i), c})
}

// firstUnset gives the number of the first child that was not set; there is one.
func (g *group) firstUnset() int64 {
	for w, set := range g.set {
		if set != ^uint64(0) {
			return int64(64*w + bits.TrailingZeros64(^set))
		}
	}
	return format.Fan
}

// A former is what the base has at a place: its node, a made up one when it is zero, none when it does not reach so
// far; and the pointer to it, of kind Data when it is a stored node.
type former struct {
	node
	at format.Child
}

func (b *Builder) former(ctx context.Context, c coord) (former, error) {
	was, err := b.inBase(ctx, c)
	if !b.inherit && errors.Is(err, format.ErrMalformed) {
		return former{}, nil // only sharing is lost
	}
	return was, err
}

func (b *Builder) inBase(ctx context.Context, c coord) (former, error) {
	if b.base == nil || c.level > b.base.height || c.index >= b.base.count(c.level) {
		return former{}, nil
	}
	if c.level == b.base.height {
		return former{node: b.base.root}, nil
	}
	at, err := b.base.child(ctx, c.level, c.index)
	if err != nil {
		return former{}, err
	}
	if at.Kind == format.Zero {
		return former{node: zeroNode(c.level, b.base.entries(c.level, c.index))}, nil
	}
	n, err := b.base.load(ctx, c.level, c.index, at)
	return former{n, at}, err
}

// isSet tells whether a node was set, alone or as part of a complete one.
func (b *Builder) isSet(c coord) bool {
	if c.level == b.height {
		return b.root != nil
	}
	if g := b.pending[c.parent()]; g != nil {
		return g.has(c.index % format.Fan)
	}
	return b.isSet(c.parent())
}

// place puts a new node into the map, stored only if it is neither zero nor what the base has there.
func (b *Builder) place(ctx context.Context, c coord, n node, was former) error {
	bytes, err := n.encode(c.level)
	if err != nil {
		return err
	}
	if c.level == b.height {
		b.root, b.digest = bytes, n.digest()
		return nil
	}
	var at format.Child
	switch {
	case n.isZero():
	case was.at.Kind == format.Data && n.equal(was.node):
		at = was.at
	default:
		if at, err = b.store(ctx, c.level, bytes); err != nil {
			return fmt.Errorf("store map node %d of level %d: %w", c.index, c.level, err)
		}
	}
	change := n.digest()
	if b.inherit {
		change = change.Sub(was.digest())
	}
	return b.put(ctx, c, at, change)
}

// put notes a pointer in the node's group, and closes that when it is complete.
func (b *Builder) put(ctx context.Context, c coord, at format.Child, change block.Digest) error {
	p := c.parent()
	g := b.pending[p]
	if g == nil {
		g = new(group)
		b.pending[p] = g
	}
	g.put(c.index%format.Fan, at)
	g.change = g.change.Add(change)
	if len(g.kids) < b.entries(p.level, p.index) {
		return nil
	}
	return b.close(ctx, p)
}

// close makes a group its inner node. What was not set is the base's.
func (b *Builder) close(ctx context.Context, c coord) error {
	g := b.pending[c]
	delete(b.pending, c)
	was, err := b.former(ctx, c)
	if err != nil {
		return err
	}
	n := &format.Inner{Level: c.level, Digest: g.change, Children: make([]format.Child, b.entries(c.level, c.index))}
	if b.inherit {
		n.Digest = n.Digest.Add(was.digest())
		copy(n.Children, was.inner.Children)
	}
	for _, k := range g.kids {
		n.Children[k.i] = k.c
	}
	return b.place(ctx, c, node{inner: n}, was)
}

// pendingOn gives the places of a level's groups in order.
func (b *Builder) pendingOn(level uint8) []coord {
	var out []coord
	for c := range b.pending {
		if c.level == level {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b coord) int { return int(a.index - b.index) })
	return out
}

// missing gives the blocks of the first node that was not set.
func (b *Builder) missing() block.Range {
	c := coord{b.height, 0}
	for c.level > 1 && b.pending[c] != nil {
		c = coord{c.level - 1, c.index*format.Fan + b.pending[c].firstUnset()}
	}
	first := c.index * format.Span(c.level)
	return block.Range{First: first, N: min(format.Span(c.level), b.blocks-first)}
}
