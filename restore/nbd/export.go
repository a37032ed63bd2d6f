package nbd

import (
	"vbfs/libnbd"
	"vbfs/libnbd/conn"
)

const (
	// requestSize is the length of the largest read or write sent.
	requestSize = 256 << 10

	// zeroSize is the length of the largest write-zeroes sent, unless Options say otherwise. Its length has 32 bits and no other
	// bound, but a server that must write the zeros shall answer before the timeout.
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

// describe asks what was connected to.
func describe(h *conn.Conn) (e export, err error) {
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
	e.minBlock, e.request, err = h.BlockSizes(requestSize)
	return e, err
}
