package index

import (
	"context"
	"iter"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/imagemap"
)

// Diff gives the blocks in which two disks of this repository differ, in order. Subtrees that both share are not read;
// blocks at other addresses count when their IDs differ. What only one of the two has counts as differing.
func (r *Repository) Diff(ctx context.Context, a, b *Image) iter.Seq2[block.Range, error] {
	return func(yield func(block.Range, error) bool) {
		for moved, err := range imagemap.Diff(ctx, a.tree, b.tree) {
			if err != nil {
				yield(block.Range{}, err)
				return
			}
			if !r.differing(ctx, a, b, moved, yield) {
				return
			}
		}
	}
}

// differing yields the parts of a range whose contents differ.
func (r *Repository) differing(ctx context.Context, a, b *Image, in block.Range, yield func(block.Range, error) bool) bool {
	run := block.Range{First: in.First}
	for n := in.First; n < in.End(); n++ {
		same, err := r.same(ctx, a, b, n)
		if err != nil {
			yield(block.Range{}, err)
			return false
		}
		if !same {
			run.N++
			continue
		}
		if run.N > 0 && !yield(run, nil) {
			return false
		}
		run = block.Range{First: n + 1}
	}
	return run.N == 0 || yield(run, nil)
}

// same tells whether block n is the same in both.
func (r *Repository) same(ctx context.Context, a, b *Image, n int64) (bool, error) {
	if block.Len(n, a.Size()) != block.Len(n, b.Size()) {
		return false, nil
	}
	x, err := a.identity(ctx, n)
	if err != nil {
		return false, err
	}
	y, err := b.identity(ctx, n)
	return x == y, err
}

// identity gives a block's ID; zero for a zero block, which no other has.
func (im *Image) identity(ctx context.Context, n int64) (block.ID, error) {
	run, err := im.tree.Find(ctx, n)
	switch {
	case err != nil:
		return block.ID{}, err
	case run.Kind == format.Zero:
		return block.ID{}, nil
	case run.Kind == format.Unknown:
		return block.Unknown, nil
	}
	return im.repo.blockID(ctx, run.Address(n))
}
