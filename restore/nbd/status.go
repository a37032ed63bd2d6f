package nbd

import (
	"context"
	"errors"
	"fmt"

	"vbfs/libnbd"
	"vbfs/restore"
)

// statusSize is the length of the largest range asked for in one block status; it fits 32 bits.
const statusSize = 1 << 30

// dirtyContext is where QEMU offers a dirty bitmap: QEMU, docs/interop/nbd.txt. Bit 0 of a state is: dirty.
const dirtyContext = "qemu:dirty-bitmap:"

// status asks for one block status of a metadata context: pairs of length and state, as far as one answer reaches.
func (c *connection) status(ctx context.Context, name string, off, want int64) ([]uint32, error) {
	var entries []uint32
	answer := func(context string, _ uint64, e []uint32, _ *int) int {
		if context == name {
			entries = append([]uint32(nil), e...)
		}
		return 0
	}
	want = min(want, statusSize)
	err := c.Once(ctx, func() (uint64, error) {
		return c.AioBlockStatus(uint64(want), uint64(off), answer, nil)
	})
	if err != nil {
		return nil, err
	}
	// NBD specification, "NBD_REPLY_TYPE_BLOCK_STATUS": at least one extent, none empty.
	if len(entries) == 0 || len(entries)%2 != 0 {
		return nil, fmt.Errorf("%w: block status of %d values", ErrProtocol, len(entries))
	}
	for i := 0; i < len(entries); i += 2 {
		if entries[i] == 0 {
			return nil, fmt.Errorf("%w: block status with an empty extent", ErrProtocol)
		}
	}
	return entries, nil
}

// Extent tells whether the export holds data at off, or a hole that reads as zeros, and how far. A server that cannot tell
// holds data.
func (t *Target) Extent(off int64) (n int64, data bool, err error) {
	if !t.export.alloc {
		return t.export.size - off, true, nil
	}
	var entries []uint32
	err = t.with(func(c *connection) (err error) {
		entries, err = c.status(context.Background(), libnbd.CONTEXT_BASE_ALLOCATION, off, t.export.size-off)
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("%s: %w", t.uri, err)
	}
	data = entries[1]&libnbd.STATE_ZERO == 0
	for i := 0; i < len(entries) && data == (entries[i+1]&libnbd.STATE_ZERO == 0); i += 2 {
		n += int64(entries[i])
	}
	return min(n, t.export.size-off), data, nil
}

// Dirty gives the granules that Options.Bitmap calls dirty, all of them or an error.
func (t *Target) Dirty(ctx context.Context) (*restore.Marks, error) {
	marks, err := restore.NewMarks(t.export.size)
	if err != nil {
		return nil, err
	}
	err = t.with(func(c *connection) error {
		name := dirtyContext + c.bitmap
		if ok, err := c.CanMetaContext(name); err != nil || !ok {
			return errors.Join(fmt.Errorf("%w: %q", ErrNoBitmap, c.bitmap), err)
		}
		for off := int64(0); off < t.export.size; {
			entries, err := c.status(ctx, name, off, t.export.size-off)
			if err != nil {
				return err
			}
			for i := 0; i < len(entries); i += 2 {
				if entries[i+1] != 0 {
					marks.Add(off, int64(entries[i]))
				}
				off += int64(entries[i])
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("dirty bitmap on %s: %w", t.uri, err)
	}
	return marks, nil
}
