package nbdsrv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// A Server serves a Catalog's exports on any number of listeners.
type Server struct {
	cat   Catalog
	opts  Options
	slots chan struct{} // holds one element per connection served
}

// New makes a server of what cat holds.
func New(cat Catalog, opts Options) *Server {
	opts = opts.withDefaults()
	return &Server{cat: cat, opts: opts, slots: make(chan struct{}, opts.MaxConns)}
}

// acceptPause is waited when the process or the kernel is out of descriptors or memory: they come back when others end.
const acceptPause = 50 * time.Millisecond

// Serve accepts connections on l until ctx is done and then returns nil, after all connections were closed and their
// goroutines ended. It closes l. A listener that fails for good ends it with an error.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var conns sync.WaitGroup
	defer conns.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer l.Close()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			if !s.enter(ctx) {
				conn.Close()
				return nil
			}
			conns.Go(func() {
				defer s.leave()
				s.serveConn(ctx, conn)
			})
		case ctx.Err() != nil:
			return nil
		case !passing(err):
			return fmt.Errorf("accept on %s: %w", l.Addr(), err)
		default:
			pause(ctx, acceptPause)
		}
	}
}

// enter waits for one of Options.MaxConns places. The connection that waits was accepted but hears nothing yet.
func (s *Server) enter(ctx context.Context) bool {
	select {
	case s.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Server) leave() { <-s.slots }

// serveConn sees one connection through both phases.
func (s *Server) serveConn(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	t, err := s.handshake(ctx, conn)
	if err == nil {
		err = t.run(ctx)
		err = errors.Join(err, t.close())
	}
	if err != nil && !errors.Is(err, errAbort) && ctx.Err() == nil {
		s.opts.OnError(fmt.Errorf("client %s: %w", conn.RemoteAddr(), err))
	}
}

// passing tells whether an error of Accept says nothing about the listener itself.
func passing(err error) bool {
	for _, errno := range []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
