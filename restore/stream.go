package restore

import (
	"context"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"
)

// CopyStream restores an image to what takes bytes in order only: zeros are written out. What is written when it fails
// cannot be taken back. A Write that blocks holds up the end of a cancelled restore.
func CopyStream(ctx context.Context, img Image, w io.Writer, o Options) error {
	if o.Verify || o.Compare {
		return ErrNoReread
	}
	o = o.withDefaults()
	return inOrder(ctx, img, o, streamer{w, o.Progress}.put)
}

// A part is a run on its way to where runs are taken in order.
type part struct {
	run
	buf   []byte     // nil for zeros
	ready chan error // of capacity 1: how the reading of buf ended
}

// inOrder gives every chunk of the image to one goroutine, in order of offset; those of data with their bytes, which are read ahead.
func inOrder(ctx context.Context, img Image, o Options, put func(context.Context, run, []byte) error) error {
	g, ctx := errgroup.WithContext(ctx)
	order := make(chan part, o.Workers)
	free := make(chan []byte, o.Workers) // the buffers, and so the bound of what is read ahead
	for range o.Workers {
		free <- make([]byte, chunkSize)
	}
	g.Go(func() error {
		defer close(order)
		return readAhead(ctx, g, img, order, free)
	})
	g.Go(func() error {
		for p := range order {
			if err := p.wait(ctx); err != nil {
				return err
			}
			if err := put(ctx, p.run, p.buf); err != nil {
				return err
			}
			if p.data {
				free <- p.buf[:chunkSize]
			}
		}
		return nil
	})
	return g.Wait()
}

// readAhead queues the parts of the image in order, and has those of data read.
func readAhead(ctx context.Context, g *errgroup.Group, img Image, order chan<- part, free <-chan []byte) error {
	for r, err := range chunks(ctx, img, nil) {
		if err != nil {
			return err
		}
		p := part{run: r}
		if r.data {
			select {
			case buf := <-free:
				p.buf, p.ready = buf[:r.n], make(chan error, 1)
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			g.Go(func() error {
				p.ready <- readFull(img, p.buf, p.off)
				return nil
			})
		}
		select {
		case order <- p:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// wait returns when the part's bytes are there.
func (p part) wait(ctx context.Context) error {
	if p.data {
		if err := <-p.ready; err != nil {
			return fmt.Errorf("image: %w", err)
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// A streamer writes runs, zeros as well.
type streamer struct {
	w        io.Writer
	progress *Progress
}

func (s streamer) put(ctx context.Context, r run, p []byte) error {
	if !r.data {
		return s.zeros(ctx, r)
	}
	if err := writeFull(s.w, p, r.off); err != nil {
		return err
	}
	s.progress.Data.Add(r.n)
	return nil
}

func (s streamer) zeros(ctx context.Context, r run) error {
	for off := r.off; off < r.end(); off += chunkSize {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n := min(chunkSize, r.end()-off)
		if err := writeFull(s.w, zeros[:n], off); err != nil {
			return err
		}
		s.progress.Zero.Add(n)
	}
	return nil
}

func writeFull(w io.Writer, p []byte, off int64) error {
	n, err := w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("write %d bytes at %d: %w", len(p), off, err)
	}
	return nil
}
