package nbd

import (
	"context"

	"vbfs/libnbd"
)

// empty tells whether the export is known to be zero from end to end. Without block status, nothing is known.
func (c *connection) empty(ctx context.Context) (bool, error) {
	if !c.export.alloc {
		return c.export.size == 0, nil
	}
	for off := int64(0); off < c.export.size; {
		n, err := c.zeroRun(ctx, off, c.export.size-off)
		if err != nil || n == 0 {
			return false, err
		}
		off += n
	}
	return true, nil
}

// zeroRun tells how much of a range the server calls zero, from its start: as far as one answer reaches, or 0.
func (c *connection) zeroRun(ctx context.Context, off, want int64) (n int64, err error) {
	entries, err := c.status(ctx, libnbd.CONTEXT_BASE_ALLOCATION, off, want)
	if err != nil {
		return 0, err
	}
	for i := 0; i < len(entries) && n < want; i += 2 {
		if entries[i+1]&libnbd.STATE_ZERO == 0 {
			return 0, nil
		}
		n += int64(entries[i])
	}
	return min(n, want), nil
}
