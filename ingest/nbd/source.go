package nbd

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"vbfs/ingest"
)

// Options say how to read from a server.
type Options struct {
	// Bitmaps are names of dirty bitmaps: only what any of them calls dirty is yielded. None is: everything.
	Bitmaps []string

	// Connections is how many connections to use at most. 0 is 4. A server that does not promise that several
	// connections see the same (multi-conn) gets one.
	Connections int

	// RequestsInFlight is how many requests one ReadAt keeps under way on its connection. 0 is 4.
	RequestsInFlight int

	// Timeout is how long a server may give no sign of life before the call that waits for it fails. 0 is 60 s.
	Timeout time.Duration
}

const (
	defaultConnections      = 4
	defaultRequestsInFlight = 4
	defaultTimeout          = 60 * time.Second
)

func (o Options) withDefaults() Options {
	if o.Connections <= 0 {
		o.Connections = defaultConnections
	}
	if o.RequestsInFlight <= 0 {
		o.RequestsInFlight = defaultRequestsInFlight
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	return o
}

// A Source is a disk behind an NBD server.
type Source struct {
	uri    string
	export export
	idle   chan *connection // capacity: all connections

	closeOnce sync.Once
	closing   chan struct{} // closed by Close
}

var _ ingest.Source = (*Source)(nil)

// Open connects to the export that an NBD URI names.
func Open(ctx context.Context, uri string, opts Options) (*Source, error) {
	opts = opts.withDefaults()
	closing := make(chan struct{})
	first, err := dial(ctx, uri, opts, closing)
	if err != nil {
		return nil, fmt.Errorf("connect to %s%s: %w", uri, withTLS(uri), err)
	}
	n := 1
	if first.export.multiConn {
		n = opts.Connections
	}
	s := &Source{uri: uri, export: first.export, idle: make(chan *connection, n), closing: closing}
	s.idle <- first
	for len(s.idle) < n {
		if err := s.grow(ctx, opts); err != nil {
			there := len(s.idle)
			s.hangUp(there)
			return nil, fmt.Errorf("connection %d of %d to %s: %w", there+1, n, uri, err)
		}
	}
	return s, nil
}

// withTLS explains errors of the TLS library, which name neither TLS nor a certificate.
func withTLS(uri string) string {
	if strings.HasPrefix(uri, "nbds") {
		return " with TLS (wrong certificates?)"
	}
	return ""
}

// grow adds a connection, which must see the same export as the first.
func (s *Source) grow(ctx context.Context, opts Options) error {
	c, err := dial(ctx, s.uri, opts, s.closing)
	if err != nil {
		return err
	}
	if c.export != s.export {
		c.Close()
		return fmt.Errorf("%w: the export was %+v and is %+v on this one", ErrProtocol, s.export, c.export)
	}
	s.idle <- c
	return nil
}

// Size is the export's length in bytes.
func (s *Source) Size() int64 { return s.export.size }

// Connections is the number of connections in use.
func (s *Source) Connections() int { return cap(s.idle) }

// ReadAt reads from the export: the whole buffer, or an error.
func (s *Source) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read %s: negative offset %d", s.uri, off)
	}
	var past error
	if off >= s.export.size {
		return 0, io.EOF
	}
	if left := s.export.size - off; int64(len(p)) > left {
		p, past = p[:left], io.EOF
	}
	if len(p) == 0 {
		return 0, past
	}
	ctx := context.Background() // io.ReaderAt has none: Close and the timeout end it
	c, err := s.borrow(ctx)
	if err == nil {
		err = c.readAligned(ctx, p, off)
		s.idle <- c
	}
	if err != nil {
		return 0, fmt.Errorf("read %d bytes at %d from %s: %w", len(p), off, s.uri, err)
	}
	return len(p), past
}

func (s *Source) borrow(ctx context.Context) (*connection, error) {
	select {
	case <-s.closing: // wins over an idle connection
		return nil, ErrClosed
	default:
	}
	select {
	case c := <-s.idle:
		return c, nil
	case <-s.closing:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close ends the connections. Calls under way fail with ErrClosed; Close waits for them.
func (s *Source) Close() error {
	s.closeOnce.Do(func() { s.hangUp(cap(s.idle)) })
	return nil
}

// hangUp ends the n connections that there are.
func (s *Source) hangUp(n int) {
	close(s.closing)
	for range n {
		c := <-s.idle
		c.Close()
	}
}
