package nbd

import (
	"fmt"

	"vbfs/libnbd"
	"vbfs/restore"
)

const (
	// defaultMaximum is what a server that names no largest block accepts: NBD specification, "Block size constraints".
	defaultMaximum = 32 << 20

	// requestSize is the length of the largest read or write sent.
	requestSize = 256 << 10

	// zeroSize is the length of the largest write-zeroes sent, unless Options say otherwise. Its length has 32 bits and no other bound, but a server
	// that must write the zeros shall answer before the timeout.
	zeroSize = 256 << 20
)

// An export is what the server said of the disk when the connection was made.
type export struct {
	size      int64
	minBlock  int64 // offset and length of every request are multiples of it
	request   int64 // length of the largest read or write
	readOnly  bool
	multiConn bool
	flush     bool
	zero      bool
	alloc     bool // base:allocation is offered
}

// describe asks a connected handle.
func describe(h *libnbd.Libnbd) (e export, err error) {
	size, err := h.GetSize()
	if err != nil {
		return e, err
	}
	e.size = int64(size) // libnbd refuses one that does not fit
	for _, q := range []struct {
		answer *bool
		ask    func() (bool, error)
	}{
		{&e.readOnly, h.IsReadOnly},
		{&e.multiConn, h.CanMultiConn},
		{&e.flush, h.CanFlush},
		{&e.zero, h.CanZero},
		{&e.alloc, func() (bool, error) { return h.CanMetaContext(libnbd.CONTEXT_BASE_ALLOCATION) }},
	} {
		if *q.answer, err = q.ask(); err != nil {
			return e, err
		}
	}
	e.minBlock, e.request, err = blockSizes(h)
	return e, err
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
	if low&(low-1) != 0 || low > restore.Granule || high < low {
		return 0, 0, fmt.Errorf("%w: block sizes from %d to %d", ErrProtocol, low, high)
	}
	request = int64(min(high, requestSize))
	return int64(low), request &^ int64(low-1), nil
}
