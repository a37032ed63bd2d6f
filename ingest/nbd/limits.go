package nbd

import (
	"fmt"
	"strings"

	"vbfs/libnbd"
	"vbfs/libnbd/conn"
)

// requestSize is the length of the largest read sent. Measured over a Unix socket, 2 readers, from nbdkit and from
// qemu-nbd, MiB/s: 64 KiB 1,510 and 1,500; 128 KiB 2,340 and 2,100; 256 KiB 2,330 and 2,540; 512 KiB 2,400 and 3,600;
// 1 MiB 2,500 and 2,400; 4 MiB 2,440 and 2,410.
const requestSize = 512 << 10

// An export is what the server said of the disk when the connection was made.
type export struct {
	size      int64
	minBlock  int64 // offset and length of every request are multiples of it
	request   int64 // length of the largest read
	multiConn bool
	alloc     bool // base:allocation is offered
	dirty     bool // dirty bitmaps were asked for, and are all offered
}

// describe asks what was connected to. bitmaps are the metadata contexts of the dirty bitmaps: each has to be offered.
func describe(h *conn.Conn, bitmaps []string) (export, error) {
	var e export
	size, err := h.GetSize()
	if err != nil {
		return e, err
	}
	e.size = int64(size) // libnbd refuses one that does not fit
	if e.minBlock, e.request, err = h.BlockSizes(requestSize); err != nil {
		return e, err
	}
	if e.multiConn, err = h.CanMultiConn(); err != nil {
		return e, err
	}
	if e.alloc, err = h.CanMetaContext(libnbd.CONTEXT_BASE_ALLOCATION); err != nil {
		return e, err
	}
	for _, context := range bitmaps {
		there, err := h.CanMetaContext(context)
		if err != nil {
			return e, err
		}
		if !there {
			return e, fmt.Errorf("%w: %s", ErrNoBitmap, strings.TrimPrefix(context, dirtyPrefix))
		}
	}
	e.dirty = len(bitmaps) > 0
	return e, nil
}
