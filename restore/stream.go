package restore

import (
	"context"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"
)

// A part is a run on its way to a stream.
type part struct {
	run
	buf   []byte     // nil for zeros
	ready chan error // of capacity 1: how the reading of buf ended
}

// CopyStream restores an image to what takes bytes in order only: zeros are written out. What is written when it fails
// cannot be taken back. A Write that blocks holds up the end of a cancelled restore.
func CopyStream(ctx context.Context, img Image, w io.Writer, o Options) error {
	if o.Verify || o.Compare {
		return ErrNoReread
	}
	o = o.withDefaults()
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
			if err := p.writeTo(ctx, w, o.Progress); err != nil {
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

// writeTo writes the part's bytes, once they are there.
func (p part) writeTo(ctx context.Context, w io.Writer, progress *Progress) error {
	if !p.data {
		return p.writeZeros(ctx, w, progress)
	}
	if err := <-p.ready; err != nil {
		return fmt.Errorf("image: %w", err)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := writeFull(w, p.buf, p.off); err != nil {
		return err
	}
	progress.Data.Add(p.n)
	return nil
}

func (p part) writeZeros(ctx context.Context, w io.Writer, progress *Progress) error {
	for off := p.off; off < p.end(); off += chunkSize {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n := min(chunkSize, p.end()-off)
		if err := writeFull(w, zeros[:n], off); err != nil {
			return err
		}
		progress.Zero.Add(n)
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
