package nbdsrv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"golang.org/x/sync/semaphore"

	"vbfs/nbdsrv/proto"
)

// A session is the transmission phase of one connection. Its goroutines are the reader, which is run itself, and the
// workers that it starts.
type session struct {
	srv        *Server
	conn       net.Conn
	r          *bufio.Reader // of the reader alone
	exp        Export
	name       string
	size       int64
	structured bool
	status     bool // BLOCK_STATUS was negotiated
	replies    replies
	pace       pace

	workers sync.WaitGroup
	started int                // workers, counted by the reader
	jobs    chan proto.Request // from the reader to the workers; no request waits in it
	budget  *semaphore.Weighted
}

// newSession takes over what the handshake has negotiated and opened.
func newSession(h *handshake) *session {
	return &session{
		srv: h.srv, conn: h.conn, r: h.r,
		exp: h.opened, name: h.openedName, size: h.opened.Size(),
		structured: h.structured, status: h.status && h.statusOf == h.openedName,
		replies: replies{conn: h.conn},
		jobs:    make(chan proto.Request),
		budget:  semaphore.NewWeighted(h.srv.opts.InFlightBytes),
	}
}

// run answers requests until the client says goodbye, vanishes or breaks the protocol. It returns when all that it
// started has ended.
func (t *session) run(ctx context.Context) error {
	goodbye, err := t.readRequests(ctx)
	if !goodbye {
		t.conn.Close() // nobody reads the replies: do not let workers wait for that
	}
	close(t.jobs)
	t.workers.Wait()
	if goodbye {
		t.replies.flush()
		t.conn.Close()
	}
	return err
}

// close gives back what the session served.
func (t *session) close() error {
	if err := closeExport(t.exp); err != nil {
		return fmt.Errorf("close export %q: %w", t.name, err)
	}
	return nil
}

// readRequests is the reader: it takes requests through the door and has them answered. A client that vanishes between
// two requests is no error.
func (t *session) readRequests(ctx context.Context) (goodbye bool, err error) {
	for {
		r, err := t.next()
		if errors.Is(err, proto.ErrMalformed) {
			return false, err
		}
		if err != nil {
			return false, nil
		}
		if r.Type == proto.CmdDisc {
			return true, nil
		}
		if err := t.take(ctx, r); err != nil {
			return false, err
		}
	}
}

// next reads a request. Replies that were held back leave before it waits for one.
func (t *session) next() (proto.Request, error) {
	if t.r.Buffered() < proto.RequestLen {
		if err := t.replies.flush(); err != nil {
			return proto.Request{}, err
		}
	}
	b, err := t.r.Peek(proto.RequestLen)
	if err != nil {
		return proto.Request{}, err
	}
	r, err := proto.DecodeRequest(b)
	if err != nil {
		return proto.Request{}, err
	}
	_, err = t.r.Discard(proto.RequestLen)
	return r, err
}

// take answers one request, or has a worker do it.
func (t *session) take(ctx context.Context, r proto.Request) error {
	if errno := t.check(r); errno != proto.OK {
		if err := t.drain(r); err != nil {
			return err
		}
		t.refuse(r, errno)
		return nil
	}
	if t.pace.inline(r) {
		t.serve(r, true)
		return nil
	}
	return t.handOver(ctx, r)
}

// drain throws the payload of a WRITE away. One longer than maxRequest breaks what the server said of block sizes.
func (t *session) drain(r proto.Request) error {
	if r.Type != proto.CmdWrite {
		return nil
	}
	if r.Length > maxRequest {
		return fmt.Errorf("write of %d bytes: %w", r.Length, errProtocol)
	}
	t.replies.flush()
	if _, err := io.CopyN(io.Discard, t.r, int64(r.Length)); err != nil {
		return fmt.Errorf("payload of a write: %w", err)
	}
	return nil
}
