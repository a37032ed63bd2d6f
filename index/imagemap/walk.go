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
	return m.WalkPast(ctx, visit, run, func(_ format.Child, err error) error { return err })
}

// WalkPast is Walk that asks lost about each node that cannot be loaded: without an error of it the walk goes on beside.
func (m *Map) WalkPast(ctx context.Context, visit Visit, run func(Run) error, lost func(format.Child, error) error) error {
	w := walker{m, visit, run, lost}
	return w.walk(ctx, m.height, 0, m.root)
}

// A walker is one walk.
type walker struct {
	m     *Map
	visit Visit
	run   func(Run) error
	lost  func(format.Child, error) error
}

func (w *walker) walk(ctx context.Context, level uint8, index int64, at node) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if level == 1 {
		return dataRuns(index, at.leaf, w.run)
	}
	for i, c := range at.inner.Children {
		if c.Kind == format.Zero {
			continue
		}
		if err := w.child(ctx, level-1, index*format.Fan+int64(i), c); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) child(ctx context.Context, level uint8, index int64, c format.Child) error {
	descend, err := w.visit(level, index, c)
	if err != nil || !descend || level == 1 && w.run == nil {
		return err
	}
	n, err := w.m.load(ctx, level, index, c)
	if err != nil {
		return w.lost(c, err)
	}
	return w.walk(ctx, level, index, n)
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
