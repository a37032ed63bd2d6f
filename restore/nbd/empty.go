package nbd

import (
	"context"
	"fmt"

	"vbfs/libnbd"
)

// statusSize is the length of the largest range asked for in one block status; it fits 32 bits.
const statusSize = 1 << 30

// empty tells whether the export is known to be zero from end to end. Without block status, nothing is known.
func (c *conn) empty(ctx context.Context) (bool, error) {
	if !c.export.alloc {
		return c.export.size == 0, nil
	}
	for off := int64(0); off < c.export.size; {
		n, err := c.zeroRun(ctx, off, min(c.export.size-off, statusSize))
		if err != nil || n == 0 {
			return false, err
		}
		off += n
	}
	return true, nil
}

// zeroRun tells how much of a range the server calls zero, from its start: as far as one answer reaches, or 0.
func (c *conn) zeroRun(ctx context.Context, off, want int64) (n int64, err error) {
	var entries []uint32
	answer := func(name string, _ uint64, e []uint32, _ *int) int {
		if name == libnbd.CONTEXT_BASE_ALLOCATION {
			entries = append([]uint32(nil), e...)
		}
		return 0
	}
	err = c.each(ctx, 1, 1, func(int64, int64) (uint64, error) {
		return c.h.AioBlockStatus(uint64(want), uint64(off), answer, nil)
	})
	if err != nil {
		return 0, err
	}
	// NBD specification, "NBD_REPLY_TYPE_BLOCK_STATUS": at least one extent, none empty; pairs of length and state.
	if len(entries) == 0 || len(entries)%2 != 0 {
		return 0, fmt.Errorf("%w: block status of %d values", ErrProtocol, len(entries))
	}
	for i := 0; i < len(entries) && n < want; i += 2 {
		switch {
		case entries[i] == 0:
			return 0, fmt.Errorf("%w: block status with an empty extent", ErrProtocol)
		case entries[i+1]&libnbd.STATE_ZERO == 0:
			return 0, nil
		}
		n += int64(entries[i])
	}
	return min(n, want), nil
}
