package index

import (
	"context"
	"fmt"

	"vbfs/index/block"
	"vbfs/index/format"
)

// Same tells whether block n of the disk's parent has this content. It goes by the block's ID: the parent's data is not
// read. ErrParent when the parent cannot tell.
func (k *Worker) Same(ctx context.Context, d *DiskWriter, n int64, p []byte) (bool, error) {
	run, err := d.parent.tree.Find(ctx, n)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrParent, err)
	}
	switch run.Kind {
	case format.Zero:
		return block.IsZero(p), nil
	case format.Data:
		id, err := k.w.repo.blockID(ctx, run.Address(n))
		if err != nil {
			return false, fmt.Errorf("%w: %w", ErrParent, err)
		}
		return id == k.sum.Sum(p), nil
	}
	return false, fmt.Errorf("%w: block %d was never captured", ErrParent, n)
}
