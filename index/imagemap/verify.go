package imagemap

import (
	"context"
	"fmt"

	"vbfs/index/block"
	"vbfs/index/format"
)

// Verify loads the whole map and checks that each node is what its place demands and that each inner node's digest is
// the sum of its children's. leaf gets each stored leaf, to be checked against the packs. A subtree whose pointer was
// verified before can be cut by visit, which may be nil; of such a node only its own bytes are read.
func (m *Map) Verify(ctx context.Context, visit Visit, leaf func(i int64, l *format.Leaf) error) error {
	return m.verify(ctx, m.height, 0, m.root, visit, leaf)
}

func (m *Map) verify(ctx context.Context, level uint8, index int64, at node, visit Visit, leaf func(int64, *format.Leaf) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if level == 1 {
		return leaf(index, at.leaf)
	}
	var sum block.Digest
	for i, c := range at.inner.Children {
		if c.Kind == format.Zero {
			continue
		}
		index := index*format.Fan + int64(i)
		n, err := m.load(ctx, level-1, index, c)
		if err != nil {
			return err
		}
		sum = sum.Add(n.digest())
		if descend, err := wants(visit, level-1, index, c); err != nil {
			return err
		} else if !descend {
			continue
		}
		if err := m.verify(ctx, level-1, index, n, visit, leaf); err != nil {
			return err
		}
	}
	if sum != at.inner.Digest {
		return fmt.Errorf("map node %d of level %d: %w", index, level, malformed("digest is not the sum of those below"))
	}
	return nil
}

func wants(visit Visit, level uint8, index int64, c format.Child) (bool, error) {
	if visit == nil {
		return true, nil
	}
	return visit(level, index, c)
}
