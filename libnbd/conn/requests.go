package conn

import (
	"context"
	"runtime"
	"unsafe"

	"vbfs/libnbd"
)

// Transfer issues a request for every step bytes of p, which the library reads or fills in place. at is the offset in p.
func (c *Conn) Transfer(ctx context.Context, p []byte, step int64, issue func(buf libnbd.AioBuffer, at int64) (uint64, error)) error {
	if len(p) == 0 {
		return c.failed
	}
	var pin runtime.Pinner // the library uses p between calls
	defer pin.Unpin()
	pin.Pin(unsafe.SliceData(p))
	return c.Each(ctx, int64(len(p)), step, func(at, n int64) (uint64, error) {
		return issue(libnbd.AioBuffer{P: unsafe.Pointer(&p[at]), Size: uint(n)}, at)
	})
}

// Once issues one request and waits for its answer.
func (c *Conn) Once(ctx context.Context, issue func() (uint64, error)) error {
	return c.Each(ctx, 1, 1, func(int64, int64) (uint64, error) { return issue() })
}

// Each issues a request for every step bytes of n, several at a time, and waits for all. The first error is the result;
// by then nothing is in flight any more, or the handle is closed.
func (c *Conn) Each(ctx context.Context, n, step int64, issue func(off, n int64) (uint64, error)) error {
	if c.failed != nil {
		return c.failed
	}
	b := batch{c: c, n: n, step: step, issue: issue, inFlight: make([]uint64, 0, c.o.InFlight)}
	for {
		b.send()
		if len(b.inFlight) == 0 {
			return c.Lost(b.err)
		}
		if err := c.Wait(ctx, b.retire); err != nil {
			return err
		}
	}
}

// A batch is the requests of one call.
type batch struct {
	c        *Conn
	n, step  int64
	issue    func(off, n int64) (uint64, error)
	sent     int64    // bytes of n asked for
	inFlight []uint64 // cookies
	err      error    // the first one; nothing is sent after it
}

// send issues requests until enough are in flight.
func (b *batch) send() {
	for b.err == nil && b.sent < b.n && len(b.inFlight) < cap(b.inFlight) {
		length := min(b.n-b.sent, b.step)
		cookie, err := b.issue(b.sent, length)
		if err != nil {
			b.err = err
			return
		}
		b.inFlight = append(b.inFlight, cookie)
		b.sent += length
	}
}

// retire takes out the requests that ended, and tells whether there were any.
func (b *batch) retire() (bool, error) {
	left := b.inFlight[:0]
	before := len(b.inFlight)
	for _, cookie := range b.inFlight {
		done, err := b.c.AioCommandCompleted(cookie)
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
