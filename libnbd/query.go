//go:build cgo && !nolibnbd

package libnbd

/*
#include <stdlib.h>
#include <libnbd.h>
*/
import "C"

import "unsafe"

// GetSize is the export's length in bytes.
func (h *Libnbd) GetSize() (uint64, error) {
	r, err := h.call("get_size", func() C.int64_t { return C.nbd_get_size(h.h) })
	return uint64(r), err
}

// GetBlockSize is one of the server's block size constraints, 0 if it named none.
func (h *Libnbd) GetBlockSize(sizeType Size) (uint64, error) {
	r, err := h.call("get_block_size", func() C.int64_t { return C.nbd_get_block_size(h.h, C.int(sizeType)) })
	return uint64(r), err
}

// CanMetaContext tells whether the server granted a metadata context.
func (h *Libnbd) CanMetaContext(metacontext string) (bool, error) {
	c := C.CString(metacontext)
	defer C.free(unsafe.Pointer(c))
	return h.ask("can_meta_context", func() C.int { return C.nbd_can_meta_context(h.h, c) })
}

// IsReadOnly tells whether the export refuses writes.
func (h *Libnbd) IsReadOnly() (bool, error) {
	return h.ask("is_read_only", func() C.int { return C.nbd_is_read_only(h.h) })
}

// CanMultiConn tells whether several connections see one another's writes, as after a flush.
func (h *Libnbd) CanMultiConn() (bool, error) {
	return h.ask("can_multi_conn", func() C.int { return C.nbd_can_multi_conn(h.h) })
}

// CanDf tells whether the server knows CMD_FLAG_DF.
func (h *Libnbd) CanDf() (bool, error) {
	return h.ask("can_df", func() C.int { return C.nbd_can_df(h.h) })
}

// CanFlush tells whether the server knows Flush.
func (h *Libnbd) CanFlush() (bool, error) {
	return h.ask("can_flush", func() C.int { return C.nbd_can_flush(h.h) })
}

// CanTrim tells whether the server knows Trim.
func (h *Libnbd) CanTrim() (bool, error) {
	return h.ask("can_trim", func() C.int { return C.nbd_can_trim(h.h) })
}

// CanZero tells whether the server knows Zero.
func (h *Libnbd) CanZero() (bool, error) {
	return h.ask("can_zero", func() C.int { return C.nbd_can_zero(h.h) })
}

// AioIsReady tells whether the handle is connected and takes commands.
func (h *Libnbd) AioIsReady() (bool, error) {
	return h.ask("aio_is_ready", func() C.int { return C.nbd_aio_is_ready(h.h) })
}

// AioIsDead tells whether the connection broke.
func (h *Libnbd) AioIsDead() (bool, error) {
	return h.ask("aio_is_dead", func() C.int { return C.nbd_aio_is_dead(h.h) })
}

// AioIsClosed tells whether the connection ended.
func (h *Libnbd) AioIsClosed() (bool, error) {
	return h.ask("aio_is_closed", func() C.int { return C.nbd_aio_is_closed(h.h) })
}

// AioInFlight is the number of commands that are not retired.
func (h *Libnbd) AioInFlight() (uint, error) {
	r, err := h.call("aio_in_flight", func() C.int64_t { return C.int64_t(C.nbd_aio_in_flight(h.h)) })
	return uint(r), err
}
