package imagemap

import (
	"context"

	"vbfs/index/format"
)

// A Visit is asked about each stored node, before what is below it, and tells whether to go on there. Answering no for
// a pointer seen before makes the cost of a walk that of what is new.
type Visit func(level uint8, index int64, c format.Child) (descend bool, err error)

// Walk goes over all stored nodes, in order, and the data runs of leaves. The root is no stored node and is not
// visited. A node is loaded only when visit says descend; a nil run goes over nodes alone and loads no leaf.
func (m *Map) Walk(ctx context.Context, visit Visit, run func(Run) error) error {
	return m.walk(ctx, m.height, 0, m.root, visit, run)
}

func (m *Map) walk(ctx context.Context, level uint8, index int64, at node, visit Visit, run func(Run) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if level == 1 {
		return dataRuns(index, at.leaf, run)
	}
	for i, c := range at.inner.Children {
		if c.Kind == format.Zero {
			continue
		}
		index := index*format.Fan + int64(i)
		if descend, err := visit(level-1, index, c); err != nil {
			return err
		} else if !descend || level == 2 && run == nil {
			continue
		}
		n, err := m.load(ctx, level-1, index, c)
		if err != nil {
			return err
		}
		if err := m.walk(ctx, level-1, index, n, visit, run); err != nil {
			return err
		}
	}
	return nil
}

func dataRuns(index int64, leaf *format.Leaf, run func(Run) error) error {
	if run == nil {
		return nil
	}
	for _, r := range leaf.Runs {
		if r.Kind != format.Data {
			continue
		}
		if err := run(absolute(index, r)); err != nil {
			return err
		}
	}
	return nil
}
