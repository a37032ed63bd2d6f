package qmp

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"vbfs/hyper/qmp"
)

// dialer looks whether somebody listens.
var dialer net.Dialer

// againTime is how long QEMU may take to greet again: it may be at work still on what was given up.
const againTime = time.Minute

// A link is the connection to a machine's monitor, made again when it broke: what was given up in its middle is looked at
// over a new one.
type link struct {
	m *Machine

	mu sync.Mutex
	c  *qmp.Client
}

// client gives the connection. It is held through all of a capture, which keeps others from the monitor.
func (l *link) client(ctx context.Context) (*qmp.Client, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.c != nil && !l.c.Broken() {
		return l.c, nil
	}
	o := l.m.patience()
	if l.c != nil {
		o.Greeting = againTime
	}
	c, err := qmp.Dial(ctx, l.m.socket, o)
	if err != nil {
		return nil, err
	}
	l.c = c
	return c, nil
}

// do runs what may be run twice: again, over a new connection, when the one there was turns out to be broken.
func (l *link) do(ctx context.Context, f func(context.Context, *qmp.Client) error) error {
	for tries := 2; ; tries-- {
		c, err := l.client(ctx)
		if err == nil {
			err = f(ctx, c)
		}
		if tries == 1 || !errors.Is(err, qmp.ErrLost) {
			return err
		}
	}
}

func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.c != nil {
		l.c.Close() // all answers are in
	}
}

// gone tells that there is no QEMU any more, and so nothing in it that is to be undone.
func gone(err error) bool { return errors.Is(err, qmp.ErrNoSocket) }
