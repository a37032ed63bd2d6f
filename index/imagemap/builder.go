package imagemap

import (
	"context"
	"fmt"
	"sync"

	"vbfs/index/block"
	"vbfs/index/format"
)

// A Store keeps the bytes of a node and tells where they lie. A builder calls it from one goroutine at a time, never
// twice for the same node.
type Store func(ctx context.Context, level uint8, node []byte) (format.Child, error)

// A Builder makes the map of a disk leaf by leaf. SetLeaf is safe for concurrent use.
//
// It holds, for each group of 256 leaves that is not yet complete, 40 bytes for each leaf set: at most 10 KiB for
// 4 GiB of disk, 42 MB for 16 TiB of which every group but a leaf was changed. A complete group becomes its inner node
// at once, so a full that goes through the disk in order holds one group a level and worker.
type Builder struct {
	shape
	base    *Map // may be nil or of another size
	inherit bool // what is not set is the base's
	store   Store

	mu      sync.Mutex // guards all below
	pending map[coord]*group
	root    []byte // set when all below is complete
	digest  block.Digest
	data    int64
	err     error // the first one: what could not be set must not look inherited
}

// A Result is a complete map, whose nodes except the root are stored.
type Result struct {
	Root   []byte
	Height uint8
	Digest block.Digest
	Data   int64 // blocks that are stored, neither zero nor unknown
}

// NewBuilder begins the map of a disk of size bytes. A base of the same size, with data stored blocks, gives the leaves
// that are not set, and its nodes are shared. Of a base of another size nothing is inherited, nor of none: every leaf
// must be set; those that are equal to the base's still share its nodes.
func NewBuilder(size int64, base *Map, data int64, store Store) *Builder {
	b := &Builder{shape: shapeOf(size), base: base, store: store, pending: map[coord]*group{}}
	if base != nil && base.size == size {
		b.inherit, b.data = true, data
	}
	return b
}

// Afresh says that every leaf will be set: nothing is inherited, and a base that cannot be read is no hindrance.
func (b *Builder) Afresh() *Builder {
	b.inherit, b.data = false, 0
	return b
}

// SetLeaf says what leaf i is. It is called once for a leaf. The leaf's digest must be right; one without data or
// unknown blocks is zero. After an error the builder gives no map.
func (b *Builder) SetLeaf(ctx context.Context, i int64, leaf *format.Leaf) error {
	err := b.setLeaf(ctx, i, leaf)
	if err != nil {
		err = fmt.Errorf("set map leaf %d: %w", i, err)
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.err == nil {
			b.err = err
		}
	}
	return err
}

func (b *Builder) setLeaf(ctx context.Context, i int64, leaf *format.Leaf) error {
	if err := b.leafInRange(i); err != nil {
		return err
	}
	n := node{leaf: leaf}
	if err := n.fits(b.shape, 1, i); err != nil {
		return err
	}
	was, err := b.former(ctx, coord{1, i})
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.isSet(coord{1, i}) {
		return ErrTwice
	}
	b.data += dataBlocks(leaf)
	if b.inherit {
		b.data -= dataBlocks(was.leaf)
	}
	return b.place(ctx, coord{1, i}, n, was)
}

// Finish completes the map. It gives a MissingError when a leaf was neither set nor inherited.
func (b *Builder) Finish(ctx context.Context) (Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = b.complete(ctx)
	}
	if b.err != nil {
		return Result{}, fmt.Errorf("finish map: %w", b.err)
	}
	return Result{b.root, b.height, b.digest, b.data}, nil
}

func (b *Builder) complete(ctx context.Context) error {
	switch {
	case b.root != nil:
		return nil
	case b.blocks == 0:
		b.root = zeroLeaf(0).Marshal()
		return nil
	case !b.inherit:
		return &MissingError{b.missing()}
	case len(b.pending) == 0:
		b.root, b.digest = b.base.root.marshal(), b.base.Digest()
		return nil
	}
	for level := uint8(2); level <= b.height; level++ {
		for _, c := range b.pendingOn(level) {
			if err := b.close(ctx, c); err != nil {
				return err
			}
		}
	}
	return nil
}
