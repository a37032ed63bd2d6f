package nbdsrv

import (
	"net"
	"sync"
	"sync/atomic"
)

const (
	// copyMax is the longest reply, in bytes, that is copied to leave together with others. A longer one is written from
	// where it is.
	copyMax = 16 << 10

	// pendingMax is when replies leave although more are coming.
	pendingMax = 64 << 10
)

// replies is the sending side of a session. What several goroutines have ready at once leaves in one write: whoever is
// the last to come sends it all.
type replies struct {
	conn   net.Conn
	coming atomic.Int32 // goroutines that will hold mu soon
	unsent atomic.Bool  // pending holds something that nobody is sending

	mu      sync.Mutex // guards what follows, and writing to conn
	pending []byte     // whole replies that are not sent yet
	pair    [2][]byte  // backs the vector of a write
	err     error      // the first error of conn: after it nothing is sent
}

// send sends p, which is a whole reply or chunk. With more, p may wait for the next send or flush.
func (q *replies) send(p []byte, more bool) error {
	q.coming.Add(1)
	q.mu.Lock()
	defer q.mu.Unlock()
	last := q.coming.Add(-1) == 0
	if len(p) > copyMax {
		return q.write(p)
	}
	q.pending = append(q.pending, p...)
	q.unsent.Store(true)
	if last && !more || len(q.pending) >= pendingMax {
		return q.write(nil)
	}
	return q.err
}

// flush sends what waits. When nothing does it returns at once: the reader, which calls it, must not wait for a worker
// whose client takes its time, or it would not notice that the client has gone.
func (q *replies) flush() error {
	if !q.unsent.Load() {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.write(nil)
}

// write sends what waits, and p behind it. A connection that fails is closed, so that its reader learns of it.
func (q *replies) write(p []byte) error {
	q.unsent.Store(false)
	switch {
	case q.err != nil:
	case len(p) == 0 && len(q.pending) == 0:
	case len(p) == 0:
		_, q.err = q.conn.Write(q.pending)
	case len(q.pending) == 0:
		_, q.err = q.conn.Write(p)
	default:
		q.pair = [2][]byte{q.pending, p}
		v := net.Buffers(q.pair[:])
		_, q.err = v.WriteTo(q.conn)
		q.pair = [2][]byte{}
	}
	q.pending = q.pending[:0]
	if q.err != nil {
		q.conn.Close()
	}
	return q.err
}
