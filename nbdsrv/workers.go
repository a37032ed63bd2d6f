package nbdsrv

import (
	"context"
	"sync/atomic"
	"time"

	"vbfs/nbdsrv/proto"
)

// handOver gives r to a worker, and starts one when all are busy and the limit allows it. The reader waits here while
// the connection has as much in flight as it may.
func (t *session) handOver(ctx context.Context, r proto.Request) error {
	cost := t.cost(r)
	if !t.budget.TryAcquire(cost) {
		t.replies.flush()
		if err := t.budget.Acquire(ctx, cost); err != nil {
			return err
		}
	}
	select {
	case t.jobs <- r:
		return nil
	default:
	}
	if t.started < t.srv.opts.InFlight {
		t.started++
		t.workers.Go(t.work)
	}
	t.replies.flush()
	t.jobs <- r
	return nil
}

// work is a worker: it answers requests until the reader has no more.
func (t *session) work() {
	for r := range t.jobs {
		t.serve(r, false)
		t.budget.Release(t.cost(r))
	}
}

const (
	// inlineMax is the longest read, in bytes, that the reader may serve itself. Of longer ones, copying and sending
	// outweigh a hand-over.
	inlineMax = 32 << 10

	// slowRead is what a read may take to be called quick. Handing a request to another goroutine, which may wake
	// another thread, costs 5 to 10 us.
	slowRead = 30 * time.Microsecond

	// slowCredit is how many quick reads in a row it takes after a slow one until the reader serves inline again. It is
	// more than are in flight, so that an export that is always slow is never served inline.
	slowCredit = 64
)

// pace decides whether the reader answers a request itself or hands it to a worker. As long as the export answers
// small reads at once (from memory, from a cache) handing over only costs; once it does not (a block must be decoded or
// fetched), the requests behind must not wait.
type pace struct{ credit atomic.Int32 }

// inline tells whether the reader should serve r itself.
func (p *pace) inline(r proto.Request) bool {
	return p.credit.Load() == 0 && (r.Length <= inlineMax || r.Type == proto.CmdFlush)
}

// note learns from a small read that took d.
func (p *pace) note(d time.Duration) {
	if d > slowRead {
		p.credit.Store(slowCredit)
	} else if c := p.credit.Load(); c > 0 {
		p.credit.CompareAndSwap(c, c-1)
	}
}
