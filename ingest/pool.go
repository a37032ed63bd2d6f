package ingest

import (
	"context"
	"runtime"
)

// A Pool is what runs that go on at once share, so that several machines take little more of the host than one does: turns at reading
// and compressing, with room for what is read, and the rate of reads.
type Pool struct {
	turns chan []byte // idle ones; its capacity is all there are
	hands int         // of one run
	pace  *pacer
}

// handsOfMany is how many turns there are for each of several runs at least: one may wait for its source while the other has work.
const handsOfMany = 2

// NewPool makes one for so many runs at once. workers is how many blocks are read and compressed at once in all; 0 is one for each
// core, or two for each of several runs where that is more. rate is how many bytes a second are read from sources at most; 0 is no
// limit. Of several runs none has more than half of the turns, so that a source that hangs does not hold up the others.
func NewPool(workers int, rate int64, runs int) *Pool {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
		if runs > 1 {
			workers = max(workers, handsOfMany*runs)
		}
	}
	p := &Pool{turns: make(chan []byte, workers), hands: workers, pace: newPacer(rate)}
	if runs > 1 {
		p.hands = (workers + 1) / 2
	}
	for range workers {
		p.turns <- nil // the room is made when it is needed
	}
	return p
}

// turn waits for one.
func (p *Pool) turn(ctx context.Context) ([]byte, error) {
	select {
	case buf := <-p.turns:
		if buf == nil {
			buf = make([]byte, chunk)
		}
		return buf, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *Pool) giveBack(buf []byte) { p.turns <- buf }
