package nbd

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"vbfs/restore"
)

// Options say how to talk to a server.
type Options struct {
	// Connections is how many connections to use at most. 0 is 4.
	Connections int

	// Timeout is how long a server may give no sign of life before the call that waits for it fails. 0 is 60 s.
	Timeout time.Duration

	// ZeroSize bounds one write-zeroes, in bytes: a server that writes the zeros out may not have more room. 0 is 256 MiB.
	ZeroSize int64

	// Bitmap is a dirty bitmap of QEMU's that Dirty reads. Empty is none.
	Bitmap string
}

const (
	defaultConnections = 4
	defaultTimeout     = 60 * time.Second
)

func (o Options) withDefaults() Options {
	if o.Connections <= 0 {
		o.Connections = defaultConnections
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.ZeroSize <= 0 {
		o.ZeroSize = zeroSize
	}
	return o
}

// A Target is an export of an NBD server.
type Target struct {
	uri       string
	export    export
	idle      chan *connection // capacity: all connections
	closeOnce sync.Once
}

var (
	_ restore.Target   = (*Target)(nil)
	_ restore.Rereader = (*Target)(nil)
	_ restore.Image    = (*Target)(nil)
)

// Open connects to an export that a disk is to be restored to.
func Open(ctx context.Context, uri string, spec restore.Spec, opts Options) (*Target, error) {
	t, err := Connect(ctx, uri, opts)
	if err != nil {
		return nil, err
	}
	if err := t.check(ctx, spec); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

func (t *Target) check(ctx context.Context, spec restore.Spec) error {
	switch {
	case t.export.readOnly:
		return fmt.Errorf("%s: %w", t.uri, restore.ErrReadOnly)
	case t.export.size < spec.Size:
		return fmt.Errorf("%w: %s has %d bytes, the disk %d", restore.ErrTooSmall, t.uri, t.export.size, spec.Size)
	case spec.Overwrite:
		return nil
	}
	c := <-t.idle
	empty, err := c.empty(ctx)
	t.idle <- c
	if err != nil {
		return fmt.Errorf("look for data on %s: %w", t.uri, err)
	}
	if !empty {
		return fmt.Errorf("data on %s %w", t.uri, restore.ErrExists)
	}
	return nil
}

// Connect connects to an export and asks nothing of it: for ReadAt, or when it is known that it may be written to.
func Connect(ctx context.Context, uri string, opts Options) (*Target, error) {
	opts = opts.withDefaults()
	first, err := dial(ctx, uri, opts)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", uri, err)
	}
	n := 1
	if first.export.multiConn {
		n = opts.Connections
	}
	t := &Target{uri: uri, export: first.export, idle: make(chan *connection, n)}
	t.idle <- first
	for len(t.idle) < n {
		if err := t.grow(ctx, opts); err != nil {
			err = fmt.Errorf("connection %d of %d to %s: %w", len(t.idle)+1, n, uri, err)
			for len(t.idle) > 0 {
				(<-t.idle).Close()
			}
			return nil, err
		}
	}
	return t, nil
}

// grow adds a connection, which must see the same export as the first.
func (t *Target) grow(ctx context.Context, opts Options) error {
	c, err := dial(ctx, t.uri, opts)
	if err != nil {
		return err
	}
	if c.export != t.export {
		c.Close()
		return fmt.Errorf("%w: the export was %+v and is %+v on this one", ErrProtocol, t.export, c.export)
	}
	t.idle <- c
	return nil
}

// with runs do on a connection of its own.
func (t *Target) with(do func(*connection) error) error {
	c := <-t.idle
	defer func() { t.idle <- c }()
	return do(c)
}

// WriteAt implements io.WriterAt.
func (t *Target) WriteAt(p []byte, off int64) (int, error) {
	if err := t.with(func(c *connection) error { return c.write(p, off) }); err != nil {
		return 0, fmt.Errorf("%s: %w", t.uri, err)
	}
	return len(p), nil
}

// Zero makes a range read as zeros.
func (t *Target) Zero(off, n int64) error {
	if err := t.with(func(c *connection) error { return c.zero(off, n) }); err != nil {
		return fmt.Errorf("%s: %w", t.uri, err)
	}
	return nil
}

// Size is the export's length in bytes.
func (t *Target) Size() int64 { return t.export.size }

// ReadAt implements io.ReaderAt: what the server holds.
func (t *Target) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > t.export.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), t.export.size-off))
	if err := t.with(func(c *connection) error { return c.read(p[:n], off) }); err != nil {
		return 0, fmt.Errorf("%s: %w", t.uri, err)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Reread gives what the server holds after a flush. All of it is to be read: what any server calls a hole proves nothing.
func (t *Target) Reread(context.Context) (io.ReaderAt, error) {
	if err := t.Sync(); err != nil {
		return nil, err
	}
	return struct{ io.ReaderAt }{t}, nil
}

// Sync has the server make all that was written durable. With several connections one flush is for all: NBD
// specification, NBD_FLAG_CAN_MULTI_CONN.
func (t *Target) Sync() error {
	if err := t.with((*connection).flush); err != nil {
		return fmt.Errorf("flush %s: %w", t.uri, err)
	}
	return nil
}

// Close ends the connections. A later call fails with ErrClosed.
func (t *Target) Close() error {
	t.closeOnce.Do(func() {
		for range cap(t.idle) {
			c := <-t.idle
			c.Close()
			t.idle <- c
		}
	})
	return nil
}
