package imagemap

import (
	"context"

	"vbfs/index/block"
	"vbfs/index/format"
)

// A Surveyor is asked and told about each stored node of a map, so that damage is found, located and not searched for
// twice. The root is no stored node.
type Surveyor interface {
	// Known gives the digest of a node that was found whole before, with all below it: it is not loaded again.
	Known(level uint8, index int64, c format.Child) (block.Digest, bool)
	// Whole is told of a node when it and all below it were found whole.
	Whole(level uint8, index int64, c format.Child, d block.Digest)
	// Broken is told of a node that cannot be loaded, is not what its place demands, or whose digest is not the sum of
	// those below. The survey goes on beside it, unless Broken returns an error.
	Broken(level uint8, index int64, c format.Child, err error) error
	// Leaf looks at a leaf and tells whether all that it names is whole.
	Leaf(ctx context.Context, index int64, l *format.Leaf) (whole bool, err error)
}

// Survey loads the whole map, but for what the surveyor knows, and tells whether it is whole.
func (m *Map) Survey(ctx context.Context, s Surveyor) (whole bool, err error) {
	whole, sum, err := m.survey(ctx, m.height, 0, m.root, s)
	if err == nil && whole && sum != m.root.digest() {
		return false, s.Broken(m.height, 0, format.Child{}, malformed("digest is not the sum of those below"))
	}
	return whole, err
}

// survey looks at what is below a node and sums up its digest.
func (m *Map) survey(ctx context.Context, level uint8, index int64, at node, s Surveyor) (whole bool, sum block.Digest, err error) {
	if err := ctx.Err(); err != nil {
		return false, sum, err
	}
	if level == 1 {
		whole, err := s.Leaf(ctx, index, at.leaf)
		return whole, at.leaf.Digest, err
	}
	whole = true
	for i, c := range at.inner.Children {
		if c.Kind != format.Data {
			continue
		}
		ok, d, err := m.surveyChild(ctx, level-1, index*format.Fan+int64(i), c, s)
		if err != nil {
			return false, sum, err
		}
		whole = whole && ok
		sum = sum.Add(d)
	}
	return whole, sum, nil
}

func (m *Map) surveyChild(ctx context.Context, level uint8, index int64, c format.Child, s Surveyor) (whole bool, d block.Digest, err error) {
	if d, ok := s.Known(level, index, c); ok {
		return true, d, nil
	}
	n, err := m.load(ctx, level, index, c)
	if err != nil {
		return false, d, s.Broken(level, index, c, err)
	}
	whole, sum, err := m.survey(ctx, level, index, n, s)
	if err != nil || !whole {
		return false, n.digest(), err
	}
	if sum != n.digest() {
		return false, n.digest(), s.Broken(level, index, c, malformed("digest is not the sum of those below"))
	}
	s.Whole(level, index, c, sum)
	return true, sum, nil
}
