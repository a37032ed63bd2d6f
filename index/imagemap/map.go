package imagemap

import (
	"context"
	"fmt"

	"vbfs/index/block"
	"vbfs/index/format"
)

// Nodes loads stored nodes: Load gives the bytes of the node that c points to, checked against c.Hash by the
// implementer. It is called concurrently.
type Nodes interface {
	Load(ctx context.Context, c format.Child) ([]byte, error)
}

// A Map tells where the blocks of one disk lie at one point. It never changes and is safe for concurrent use.
type Map struct {
	shape
	root  node
	nodes Nodes
	cache *Cache
}

// Open reads the root, of a disk of size bytes, and loads nothing.
func Open(root []byte, size int64, nodes Nodes, cache *Cache) (*Map, error) {
	if size < 0 || size > format.MaxDisk {
		return nil, malformed("map of %d bytes", size)
	}
	m := &Map{shape: shapeOf(size), nodes: nodes, cache: cache}
	var err error
	if m.root, err = decode(m.height, root); err == nil {
		err = m.root.fits(m.shape, m.height, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("map root: %w", err)
	}
	return m, nil
}

// Size is the disk's length in bytes.
func (m *Map) Size() int64 { return m.size }

// Blocks counts the disk's blocks.
func (m *Map) Blocks() int64 { return m.blocks }

// Leaves counts the leaves, of which the last may be short.
func (m *Map) Leaves() int64 { return m.count(1) }

// Digest is the sum over all blocks.
func (m *Map) Digest() block.Digest { return m.root.digest() }

// Leaf gives leaf i, which nobody may change. One that is all zero is made up.
func (m *Map) Leaf(ctx context.Context, i int64) (*format.Leaf, error) {
	if err := m.leafInRange(i); err != nil {
		return nil, err
	}
	if m.height == 1 {
		return m.root.leaf, nil
	}
	c, err := m.child(ctx, 1, i)
	if err != nil {
		return nil, err
	}
	if c.Kind == format.Zero {
		return zeroLeaf(m.entries(1, i)), nil
	}
	n, err := m.load(ctx, 1, i, c)
	return n.leaf, err
}

// child gives the pointer to node index of a level below the root's; a zero one for all that lies below a zero child.
func (m *Map) child(ctx context.Context, level uint8, index int64) (format.Child, error) {
	at := m.root
	for l := m.height - 1; ; l-- {
		i := index / (format.Span(l) / format.Span(level))
		c := at.inner.Children[i%format.Fan]
		if l == level || c.Kind == format.Zero {
			return c, nil
		}
		var err error
		if at, err = m.load(ctx, l, i, c); err != nil {
			return c, err
		}
	}
}

// load gives node index of a level, which c points to.
func (m *Map) load(ctx context.Context, level uint8, index int64, c format.Child) (node, error) {
	n, err := m.cache.load(ctx, level, c, m.nodes)
	if err == nil {
		err = n.fits(m.shape, level, index)
	}
	if err != nil {
		return node{}, fmt.Errorf("map node %d of level %d: %w", index, level, err)
	}
	return n, nil
}
