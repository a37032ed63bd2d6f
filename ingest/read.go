package ingest

import (
	"context"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"vbfs/index"
	"vbfs/index/block"
)

// chunk is what one read from a source asks for: large enough for a network's round trip, small enough that the blocks
// are still in the processor's cache when they are hashed and compressed.
const chunk = 16 * block.Size

// read brings a source's blocks into a disk: one goroutine plans, the workers read.
func (r *run) read(ctx context.Context, dw *index.DiskWriter, src Source, changes bool) error {
	size := src.Size()
	if !changes {
		r.o.Progress.Total.Add(size)
	}
	g, ctx := errgroup.WithContext(ctx)
	work := make(chan job, 2*cap(r.hands))
	g.Go(func() error {
		defer close(work)
		return r.plan(ctx, src, changes, work)
	})
	for range cap(r.hands) {
		g.Go(func() error {
			for j := range work {
				if err := r.lend(ctx, &reading{r, dw, src, nil}, j); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// lend gives a job the next idle hand, when it is the run's turn: disks that are read at once share the hands, and runs the turns.
func (r *run) lend(ctx context.Context, d *reading, j job) (err error) {
	select {
	case d.hand = <-r.hands:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { r.hands <- d.hand }()
	if d.k == nil {
		if d.k, err = r.w.Worker(); err != nil {
			return err
		}
	}
	if d.buf, err = r.o.Pool.turn(ctx); err != nil {
		return err
	}
	defer func() { r.o.Pool.giveBack(d.buf) }()
	return d.work(ctx, j)
}

// plan sends the leaf ranges in which there is something to do. What a source calls unchanged is sampled then: how much of
// it is known at the end.
func (r *run) plan(ctx context.Context, src Source, changes bool, work chan<- job) error {
	size := src.Size()
	var told reported
	for j, err := range jobs(align(join(src.Extents(ctx), size, !changes), size)) {
		if err != nil {
			return sourceError(err, "extents")
		}
		if changes {
			told.add(j)
			for _, s := range j.spans {
				r.o.Progress.Total.Add(bytesOf(s.Range, size))
			}
		}
		if err := send(ctx, work, j); err != nil {
			return err
		}
	}
	if !changes {
		return nil
	}
	return r.planAudit(ctx, &told, size, work)
}

func send(ctx context.Context, work chan<- job, j job) error {
	select {
	case work <- j:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// bytesOf is the length of a range of blocks in bytes.
func bytesOf(r block.Range, size int64) int64 {
	return min(r.End()<<block.Log2Size, size) - r.First<<block.Log2Size
}

// A hand is one worker, made when it is needed first, and room for what it reads.
type hand struct {
	k   *index.Worker
	buf []byte // while it is its turn
}

// A reading is a hand at a disk.
type reading struct {
	r   *run
	dw  *index.DiskWriter
	src Source
	*hand
}

func (h *reading) work(ctx context.Context, j job) error {
	if j.audit != nil {
		return h.audit(ctx, j.audit)
	}
	return h.leaf(ctx, j)
}

func (h *reading) leaf(ctx context.Context, j job) error {
	l, err := h.k.Leaf(ctx, h.dw, j.leaf)
	if err != nil {
		return err
	}
	for _, s := range j.spans {
		if s.zero {
			err = l.Zero(ctx, s.Range)
			h.r.o.Progress.Done.Add(bytesOf(s.Range, h.src.Size()))
		} else {
			err = h.data(ctx, l, s)
		}
		if err != nil {
			return err
		}
	}
	return l.Done(ctx)
}

// data reads a span, chunk by chunk.
func (h *reading) data(ctx context.Context, l *index.LeafWriter, s span) error {
	off, end := s.First<<block.Log2Size, min(s.End()<<block.Log2Size, h.src.Size())
	for off < end {
		p := h.buf[:min(chunk, end-off)]
		if err := h.r.o.Pool.pace.wait(ctx, len(p)); err != nil {
			return err
		}
		if err := readFull(h.src, p, off); err != nil {
			return sourceError(err, "read %d bytes at %d", len(p), off)
		}
		h.dw.Counts.Read.Add(int64(len(p)))
		h.r.o.Progress.Done.Add(int64(len(p)))
		for b := p; len(b) > 0; {
			n := min(block.Size, len(b))
			if err := l.Put(ctx, off>>block.Log2Size, b[:n]); err != nil {
				return err
			}
			b, off = b[n:], off+int64(n)
		}
	}
	return nil
}

// readFull is ReadAt that trusts no source: fewer bytes without an error are an error.
func readFull(src io.ReaderAt, p []byte, off int64) error {
	n, err := src.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("got %d bytes: %w", n, err)
}
