package main

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"vbfs/index/block"
	"vbfs/libnbd"
)

// readChanges reads what the bitmap tells of and nothing else: four connections, which is where QEMU is fastest.
func (v *live) readChanges(ctx context.Context) (float64, error) {
	return seconds(func() error {
		const connections = 4
		all := make([]*libnbd.Libnbd, connections)
		for i := range all {
			h, err := v.connect()
			if err != nil {
				return err
			}
			defer h.Close()
			all[i] = h
		}
		dirty, err := v.dirty(all[0])
		if err != nil {
			return err
		}
		if len(dirty) != len(v.changes) {
			return fmt.Errorf("the bitmap tells of %d blocks, not %d", len(dirty), len(v.changes))
		}
		g, _ := errgroup.WithContext(ctx)
		for i, h := range all {
			g.Go(func() error { return readBlocks(h, dirty[i*len(dirty)/connections:(i+1)*len(dirty)/connections]) })
		}
		return g.Wait()
	})
}

func (v *live) connect() (*libnbd.Libnbd, error) {
	h, err := libnbd.Create()
	if err != nil {
		return nil, err
	}
	return h, errors.Join(h.AddMetaContext("qemu:dirty-bitmap:"+bitmap), h.ConnectUri(uri(v.socket, machine)))
}

// dirty gives the offsets of the blocks that the bitmap tells of.
func (v *live) dirty(h *libnbd.Libnbd) (offsets []uint64, err error) {
	size, err := h.GetSize()
	for at := uint64(0); err == nil && at < size; {
		err = h.BlockStatus(min(size-at, 1<<31), at, func(_ string, off uint64, entries []uint32, _ *int) int {
			for ; len(entries) > 1; entries = entries[2:] {
				for end := off + uint64(entries[0]); off < end; off += block.Size {
					if entries[1]&1 != 0 { // bit 0 says dirty: QEMU, docs/interop/nbd.txt
						offsets = append(offsets, off)
					}
				}
			}
			at = off
			return 0
		}, nil)
	}
	return offsets, err
}

func readBlocks(h *libnbd.Libnbd, offsets []uint64) error {
	buf := make([]byte, block.Size)
	for _, off := range offsets {
		if err := h.Pread(buf, off, nil); err != nil {
			return err
		}
	}
	return nil
}
