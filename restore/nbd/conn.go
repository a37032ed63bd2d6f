package nbd

import (
	"context"
	"fmt"
	"time"

	"vbfs/libnbd"
)

const (
	// pollSlice is how long one wait in libnbd lasts at most: what a cancelled context may have to wait for.
	pollSlice = 50 * time.Millisecond

	// depth is how many requests of one call are in flight.
	depth = 8
)

// A conn is one connection, used by one goroutine at a time.
type conn struct {
	h       *libnbd.Libnbd
	failed  error // why h was closed; nil while it is usable
	export  export
	timeout time.Duration
	zeros   int64 // length of the largest write-zeroes
	bitmap  string
}

// dial connects, with deadline and cancellation, and learns what the export is.
func dial(ctx context.Context, uri string, opts Options) (*conn, error) {
	h, err := libnbd.Create()
	if err != nil {
		return nil, err
	}
	c := &conn{h: h, timeout: opts.Timeout, zeros: opts.ZeroSize, bitmap: opts.Bitmap}
	if err := c.connect(ctx, uri); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *conn) connect(ctx context.Context, uri string) error {
	if err := c.h.SetUriAllowLocalFile(true); err != nil { // keys and certificates that the user's URI names
		return err
	}
	if err := c.h.AddMetaContext(libnbd.CONTEXT_BASE_ALLOCATION); err != nil {
		return err
	}
	if c.bitmap != "" {
		if err := c.h.AddMetaContext(dirtyContext + c.bitmap); err != nil {
			return err
		}
	}
	if err := c.h.AioConnectUri(uri); err != nil {
		return err
	}
	if err := c.wait(ctx, c.h.AioIsReady); err != nil {
		return err
	}
	var err error
	c.export, err = describe(c.h)
	return err
}

// wait moves the connection on until done. An error, done's too, is the end of the connection.
func (c *conn) wait(ctx context.Context, done func() (bool, error)) error {
	deadline := time.Now().Add(c.timeout)
	for {
		ok, err := done()
		if ok && err == nil {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return c.fail(err)
		}
		events, err := c.h.Poll(int(pollSlice.Milliseconds()))
		switch {
		case err != nil:
			return c.fail(err)
		case events > 0:
			deadline = time.Now().Add(c.timeout)
		case time.Now().After(deadline):
			return c.fail(fmt.Errorf("%w: nothing heard for %v", ErrTimeout, c.timeout))
		}
	}
}

// fail closes the handle, so that the library lets go of every buffer, and keeps the reason.
func (c *conn) fail(err error) error {
	c.failed = err
	c.h.Close() // only a handle that is closed already says no
	return err
}

// close ends the connection; a healthy one with the word that the protocol has for it.
func (c *conn) close() {
	if c.failed != nil {
		return
	}
	if ready, err := c.h.AioIsReady(); ready && err == nil {
		c.h.AioDisconnect(nil) // a courtesy: the connection ends with or without
	}
	c.fail(ErrClosed)
}

// each issues a request for every step bytes of n, several at a time, and waits for all. The first error is the result;
// by then nothing is in flight any more, or the handle is closed.
func (c *conn) each(ctx context.Context, n, step int64, issue func(off, n int64) (uint64, error)) error {
	if c.failed != nil {
		return c.failed
	}
	var first error
	inFlight := make([]uint64, 0, depth)
	for sent := int64(0); ; {
		for sent < n && len(inFlight) < depth && first == nil {
			length := min(n-sent, step)
			cookie, err := issue(sent, length)
			if err != nil {
				first = err
				break
			}
			inFlight = append(inFlight, cookie)
			sent += length
		}
		if len(inFlight) == 0 {
			return first
		}
		before := len(inFlight)
		err := c.wait(ctx, func() (bool, error) {
			var failed error
			inFlight, failed = c.retire(inFlight)
			if first == nil {
				first = failed
			}
			return len(inFlight) < before, nil
		})
		if err != nil {
			return err
		}
	}
}

// retire takes the commands that ended out of a list, and returns the first error among them.
func (c *conn) retire(cookies []uint64) (left []uint64, first error) {
	left = cookies[:0]
	for _, cookie := range cookies {
		done, err := c.h.AioCommandCompleted(cookie)
		if err != nil && first == nil {
			first = err
		}
		if !done && err == nil {
			left = append(left, cookie)
		}
	}
	return left, first
}
