package libvirt

import (
	"context"
	"errors"
	"fmt"
	"time"

	rpc "github.com/digitalocean/go-libvirt"
)

// askTime bounds a question, sayTime an order: a job of the domain that is in the way is waited for by libvirt itself, for 30 s;
// bitmaps of large disks take time to be merged and written.
const (
	askTime = time.Minute
	sayTime = 5 * time.Minute
)

// ask calls what changes nothing, and once more when the connection was lost.
func ask[T any](ctx context.Context, c *Conn, f func(*rpc.Libvirt) (T, error)) (T, error) {
	v, err := call(ctx, c, askTime, f)
	if errors.Is(err, ErrLost) {
		v, err = call(ctx, c, askTime, f)
	}
	return v, err
}

// say calls what changes something, once.
func say(ctx context.Context, c *Conn, f func(*rpc.Libvirt) error) error {
	_, err := call(ctx, c, sayTime, func(l *rpc.Libvirt) (struct{}, error) { return struct{}{}, f(l) })
	return err
}

// call waits for f no longer than limit and ctx allow. The library cannot give a call up, so it goes on by itself, until the
// answer comes or the connection ends.
func call[T any](ctx context.Context, c *Conn, limit time.Duration, f func(*rpc.Libvirt) (T, error)) (v T, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w: no answer within %v", ErrTimeout, limit))
	defer cancel()
	if err := ctx.Err(); err != nil {
		return v, err
	}
	l, err := c.begin(ctx)
	if err != nil {
		return v, err
	}
	type answer struct {
		v   T
		err error
	}
	done := make(chan answer, 1)
	go func() {
		defer c.calls.Done()
		v, err := f(l)
		done <- answer{v, translate(err)}
	}()
	select {
	case a := <-done:
		return a.v, a.err
	case <-ctx.Done():
		return v, context.Cause(ctx)
	}
}
