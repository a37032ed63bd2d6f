package nbd

import (
	"context"
	"runtime"
	"unsafe"

	"vbfs/libnbd"
)

// readAligned reads any range of the export, rounded out to what the server's minimum block size allows.
func (c *conn) readAligned(ctx context.Context, p []byte, off int64) error {
	mask := c.export.minBlock - 1
	if (off|int64(len(p)))&mask == 0 {
		return c.read(ctx, p, off)
	}
	start := off &^ mask
	end := min((off+int64(len(p))+mask)&^mask, c.export.size)
	whole := make([]byte, end-start)
	if err := c.read(ctx, whole, start); err != nil {
		return err
	}
	copy(p, whole[off-start:])
	return nil
}

// read fills p by several requests at once. The first error is the result; by then nothing is in flight any more, or
// the handle is closed.
func (c *conn) read(ctx context.Context, p []byte, off int64) error {
	if c.failed != nil {
		return c.failed
	}
	var pin runtime.Pinner // the library writes into p between calls
	defer pin.Unpin()
	pin.Pin(unsafe.SliceData(p))
	b := batch{c: c, p: p, off: uint64(off), inFlight: make([]uint64, 0, c.depth)}
	for {
		b.send()
		if len(b.inFlight) == 0 {
			return c.lost(b.err)
		}
		if err := c.wait(ctx, b.retire); err != nil {
			return err
		}
	}
}

// A batch is the requests that fill one buffer.
type batch struct {
	c        *conn
	p        []byte
	off      uint64
	sent     int      // bytes of p asked for
	inFlight []uint64 // cookies
	err      error    // the first one; nothing is sent after it
}

// send issues requests until enough are in flight.
func (b *batch) send() {
	for b.err == nil && b.sent < len(b.p) && len(b.inFlight) < b.c.depth {
		n := min(len(b.p)-b.sent, int(b.c.export.request))
		buf := libnbd.AioBuffer{P: unsafe.Pointer(&b.p[b.sent]), Size: uint(n)}
		cookie, err := b.c.h.AioPread(buf, b.off+uint64(b.sent), nil)
		if err != nil {
			b.err = err
			return
		}
		b.inFlight = append(b.inFlight, cookie)
		b.sent += n
	}
}

// retire takes out the requests that ended, and tells whether there were any.
func (b *batch) retire() (bool, error) {
	left := b.inFlight[:0]
	before := len(b.inFlight)
	for _, cookie := range b.inFlight {
		done, err := b.c.h.AioCommandCompleted(cookie)
		if err != nil && b.err == nil {
			b.err = err
		}
		if !done && err == nil {
			left = append(left, cookie)
		}
	}
	b.inFlight = left
	return len(left) < before, nil
}
