package conn

import (
	"context"
	"fmt"
	"time"

	"vbfs/libnbd"
)

// pollSlice is how long one wait in libnbd lasts at most: what a cancelled context or Closing may have to wait for.
const pollSlice = 50 * time.Millisecond

// Options say how to talk to a server. All but Closing and Contexts have to be set.
type Options struct {
	// Contexts are metadata contexts to ask for beside base:allocation. Which of them the server has, CanMetaContext tells.
	Contexts []string

	// InFlight is how many requests of one call are under way at once.
	InFlight int

	// Timeout is how long the server may give no sign of life.
	Timeout time.Duration

	// Closing ends all calls when it is closed. It may be nil.
	Closing <-chan struct{}
}

// A Conn is one connection.
type Conn struct {
	*libnbd.Libnbd
	o      Options
	failed error // why the handle was closed; nil while it is usable
	ready  bool  // connected, and not in the handshake any more
}

// Dial connects to what an NBD URI names, with deadline and cancellation.
func Dial(ctx context.Context, uri string, o Options) (*Conn, error) {
	h, err := libnbd.Create()
	if err != nil {
		return nil, err
	}
	c := &Conn{Libnbd: h, o: o}
	if err := c.connect(ctx, uri); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Conn) connect(ctx context.Context, uri string) error {
	if err := c.SetUriAllowLocalFile(true); err != nil { // keys and certificates that the user's URI names
		return err
	}
	for _, context := range append([]string{libnbd.CONTEXT_BASE_ALLOCATION}, c.o.Contexts...) {
		if err := c.AddMetaContext(context); err != nil {
			return err
		}
	}
	if err := c.AioConnectUri(uri); err != nil {
		return err
	}
	if err := c.Wait(ctx, c.AioIsReady); err != nil {
		return err
	}
	c.ready = true
	return nil
}

// Wait moves the connection on until done. An error, done's too, is the end of the connection.
func (c *Conn) Wait(ctx context.Context, done func() (bool, error)) error {
	deadline := time.Now().Add(c.o.Timeout)
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
		events, err := c.Poll(int(pollSlice.Milliseconds()))
		switch {
		case err != nil:
			return c.fail(c.loss(err))
		case events > 0:
			deadline = time.Now().Add(c.o.Timeout)
		case time.Now().After(deadline):
			return c.fail(fmt.Errorf("%w: nothing heard for %v", ErrTimeout, c.o.Timeout))
		}
	}
}

func (c *Conn) stopped(ctx context.Context) error {
	select {
	case <-c.o.Closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	default:
		return nil
	}
}

// fail closes the handle and keeps the reason.
func (c *Conn) fail(err error) error {
	c.failed = err
	c.Libnbd.Close() // only a handle that is closed already says no
	return err
}

// Lost gives the connection up if what failed is not the command alone, and says so then.
func (c *Conn) Lost(err error) error {
	if err == nil || c.failed != nil {
		return err
	}
	dead, e1 := c.AioIsDead()
	closed, e2 := c.AioIsClosed()
	if dead || closed || e1 != nil || e2 != nil {
		return c.fail(c.loss(err))
	}
	return err
}

// loss marks an error as the connection's end. In the handshake libnbd's own words tell more.
func (c *Conn) loss(err error) error {
	if !c.ready {
		return err
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}

// Close ends the connection; a healthy one with the word that the protocol has for it.
func (c *Conn) Close() {
	if c.failed != nil {
		return
	}
	if ready, err := c.AioIsReady(); ready && err == nil {
		c.AioDisconnect(nil) // a courtesy: the connection ends with or without
	}
	c.fail(ErrClosed)
}
