package nbd

import (
	"context"
	"fmt"
	"time"

	"vbfs/libnbd"
)

// pollSlice is how long one wait in libnbd lasts at most: what a cancelled context or Close may have to wait for.
const pollSlice = 50 * time.Millisecond

// dirtyPrefix makes a metadata context of a bitmap's name: QEMU, docs/interop/nbd.txt.
const dirtyPrefix = "qemu:dirty-bitmap:"

// A conn is one connection, used by one goroutine at a time.
type conn struct {
	h       *libnbd.Libnbd
	failed  error // why h was closed; nil while it is usable
	export  export
	bitmaps []string // metadata contexts
	ready   bool     // connected, and not in the handshake any more
	depth   int      // requests in flight
	timeout time.Duration
	closing <-chan struct{}
}

// dial connects, with deadline and cancellation, and learns what the export is.
func dial(ctx context.Context, uri string, opts Options, closing <-chan struct{}) (*conn, error) {
	h, err := libnbd.Create()
	if err != nil {
		return nil, err
	}
	c := &conn{h: h, depth: opts.RequestsInFlight, timeout: opts.Timeout, closing: closing}
	for _, name := range opts.Bitmaps {
		c.bitmaps = append(c.bitmaps, dirtyPrefix+name)
	}
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
	for _, context := range c.bitmaps {
		if err := c.h.AddMetaContext(context); err != nil {
			return err
		}
	}
	if err := c.h.AioConnectUri(uri); err != nil {
		return err
	}
	if err := c.wait(ctx, c.h.AioIsReady); err != nil {
		return err
	}
	c.ready = true
	var err error
	c.export, err = describe(c.h, c.bitmaps)
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
			err = c.stopped(ctx)
		}
		if err != nil {
			return c.fail(err)
		}
		events, err := c.h.Poll(int(pollSlice.Milliseconds()))
		switch {
		case err != nil:
			return c.fail(c.loss(err))
		case events > 0:
			deadline = time.Now().Add(c.timeout)
		case time.Now().After(deadline):
			return c.fail(fmt.Errorf("%w: nothing heard for %v", ErrTimeout, c.timeout))
		}
	}
}

func (c *conn) stopped(ctx context.Context) error {
	select {
	case <-c.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	default:
		return nil
	}
}

// fail closes the handle, so that the library lets go of every buffer, and keeps the reason.
func (c *conn) fail(err error) error {
	c.failed = err
	c.h.Close() // only a handle that is closed already says no
	return err
}

// lost gives the connection up if what failed is not the command alone.
func (c *conn) lost(err error) error {
	if err == nil || c.failed != nil {
		return err
	}
	dead, e1 := c.h.AioIsDead()
	closed, e2 := c.h.AioIsClosed()
	if dead || closed || e1 != nil || e2 != nil {
		return c.fail(c.loss(err))
	}
	return err
}

// loss marks an error as the connection's end. In the handshake libnbd's own words tell more.
func (c *conn) loss(err error) error {
	if !c.ready {
		return err
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
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
