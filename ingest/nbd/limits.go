package nbd

import (
	"fmt"
	"strings"

	"vbfs/libnbd"
)

// Bounds of block size constraints: NBD specification, "Block size constraints".
const (
	maxMinimumBlock = 64 << 10 // a server's minimum lies between 1 and this, a power of two
	defaultMaximum  = 32 << 20 // what a server that names no maximum accepts
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

// describe asks a connected handle. bitmaps are the metadata contexts of the dirty bitmaps: each has to be offered.
func describe(h *libnbd.Libnbd, bitmaps []string) (export, error) {
	var e export
	size, err := h.GetSize()
	if err != nil {
		return e, err
	}
	e.size = int64(size) // libnbd refuses one that does not fit
	if e.minBlock, e.request, err = blockSizes(h); err != nil {
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

func blockSizes(h *libnbd.Libnbd) (minimum, request int64, err error) {
	low, err := h.GetBlockSize(libnbd.SIZE_MINIMUM)
	if err != nil {
		return 0, 0, err
	}
	high, err := h.GetBlockSize(libnbd.SIZE_MAXIMUM)
	if err != nil {
		return 0, 0, err
	}
	if low == 0 {
		low = 1
	}
	if high == 0 {
		high = defaultMaximum
	}
	if low&(low-1) != 0 || low > maxMinimumBlock || high < low {
		return 0, 0, fmt.Errorf("%w: block sizes from %d to %d", ErrProtocol, low, high)
	}
	request = int64(min(high, requestSize))
	return int64(low), request &^ int64(low-1), nil
}
