package imagemap

import (
	"slices"

	"vbfs/index/block"
	"vbfs/index/format"
)

// A node is a decoded node: one of the two is set.
type node struct {
	leaf  *format.Leaf
	inner *format.Inner
}

func decode(level uint8, b []byte) (node, error) {
	if level == 1 {
		leaf := new(format.Leaf)
		return node{leaf: leaf}, leaf.Unmarshal(b)
	}
	inner := new(format.Inner)
	return node{inner: inner}, inner.Unmarshal(b)
}

// fits refuses a node that is not what its place in the tree demands.
func (n node) fits(s shape, level uint8, index int64) error {
	got, entries := uint8(1), 0
	if n.leaf != nil {
		entries = n.leaf.N
	} else {
		got, entries = n.inner.Level, len(n.inner.Children)
	}
	if want := s.entries(level, index); got != level || entries != want {
		return malformed("node of level %d with %d entries where %d and %d should be", got, entries, level, want)
	}
	return nil
}

func (n node) digest() block.Digest {
	if n.leaf != nil {
		return n.leaf.Digest
	}
	return n.inner.Digest
}

func (n node) marshal() []byte {
	if n.leaf != nil {
		return n.leaf.Marshal()
	}
	return n.inner.Marshal()
}

// encode gives the bytes of a new node, after it decoded them again and found what it began with.
func (n node) encode(level uint8) ([]byte, error) {
	b := n.marshal()
	back, err := decode(level, b)
	switch {
	case err != nil:
	case !n.equal(back):
		err = malformed("node is not in its one form")
	case n.isZero() && n.digest() != block.Digest{}:
		err = malformed("node is zero and its digest is not")
	}
	return b, err
}

func (n node) equal(o node) bool {
	if n.leaf != nil {
		return o.leaf != nil && equalLeaves(n.leaf, o.leaf)
	}
	return o.inner != nil && n.inner.Level == o.inner.Level && n.inner.Digest == o.inner.Digest &&
		slices.Equal(n.inner.Children, o.inner.Children)
}

func equalLeaves(a, b *format.Leaf) bool {
	return a.N == b.N && a.Digest == b.Digest && slices.Equal(a.Runs, b.Runs)
}

// zeroLeaf is what a child stands for that is all zero.
func zeroLeaf(n int) *format.Leaf {
	l := new(format.Leaf)
	if n > 0 {
		l.Append(format.Run{N: n, Kind: format.Zero})
	}
	return l
}

// zeroNode is a node in memory for what its parent says is zero.
func zeroNode(level uint8, entries int) node {
	if level == 1 {
		return node{leaf: zeroLeaf(entries)}
	}
	return node{inner: &format.Inner{Level: level, Children: make([]format.Child, entries)}}
}

func (n node) isZero() bool {
	if n.leaf != nil {
		return len(n.leaf.Runs) == 0 || len(n.leaf.Runs) == 1 && n.leaf.Runs[0].Kind == format.Zero
	}
	return zeros(n.inner.Children) == len(n.inner.Children)
}

// dataBlocks counts the blocks of a leaf that are stored.
func dataBlocks(l *format.Leaf) (n int64) {
	for _, r := range l.Runs {
		if r.Kind == format.Data {
			n += int64(r.N)
		}
	}
	return n
}
