package vsphere

import (
	"context"
	"fmt"

	"vbfs/restore"
)

// carrier chooses the transport, and says with a note why it is not the library if that could be had.
func (r *Run) carrier(ctx context.Context, o Options) (c *carrier, note string, err error) {
	c = &carrier{
		conn: r.conn, library: o.Transport != NFC, vddk: o.VDDK, delta: o.Delta, verify: o.Verify, workers: o.Workers, progress: o.Progress,
		retryPause: o.RetryPause,
	}
	switch o.Transport {
	case "", VDDK, NFC:
	default:
		return nil, "", fmt.Errorf("%w: transport %s", restore.ErrUnsupported, o.Transport)
	}
	if c.library {
		err := r.library(ctx, o.VDDK)
		switch {
		case err != nil && (o.Transport == VDDK || ctx.Err() != nil):
			return nil, "", err
		case err != nil:
			c.library, note = false, fmt.Sprintf("disks go as streams: %v", err)
		}
	}
	if !c.library && (o.Delta || o.Verify) {
		return nil, "", fmt.Errorf("%w: what disks hold cannot be read back without VMware's library; %s", restore.ErrNoReread, note)
	}
	return c, note, nil
}
