package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"
)

const defaultWorkers = 4

func (o Options) withDefaults() Options {
	if o.Workers <= 0 {
		o.Workers = max(defaultWorkers, runtime.GOMAXPROCS(0))
	}
	if o.Progress == nil {
		o.Progress = new(Progress)
	}
	return o
}

// Copy restores an image to a target, and closes the target, whatever happens. When it returns nil, the target is
// complete and durable; otherwise, see Target.Close.
func Copy(ctx context.Context, img Image, t Target, o Options) error {
	err := Fill(ctx, img, t, o)
	if err == nil {
		err = t.Sync()
	}
	if e := t.Close(); err == nil {
		err = e
	} else if e != nil {
		err = fmt.Errorf("%w; then %w", err, e)
	}
	return err
}

// Fill is Copy without its end: the caller calls Sync, after which the target is complete and durable, and Close. So
// several targets take effect together, when all are filled.
func Fill(ctx context.Context, img Image, t Target, o Options) error {
	o = o.withDefaults()
	again, ok := t.(Rereader)
	if o.Verify && !ok {
		return ErrNoReread
	}
	if err := write(ctx, img, t, o); err != nil {
		return err
	}
	if o.Verify {
		if err := reread(ctx, img, again, o); err != nil {
			return err
		}
	}
	if ctx.Err() != nil { // a restore that was called off does not take effect
		return context.Cause(ctx)
	}
	return nil
}

// write puts the image to the target in the way that it can be written.
func write(ctx context.Context, img Image, t Target, o Options) error {
	w := writer{img, t, o.Progress}
	stored, readable := t.(io.ReaderAt)
	_, ordered := t.(Ordered)
	switch {
	case !o.Compare && ordered:
		return inOrder(ctx, img, o, w.take)
	case !o.Compare:
		return each(ctx, img, o, w.put)
	case !readable || ordered:
		return ErrNoReread
	}
	return each(ctx, img, o, newComparer(img, t, stored, o.Progress).put)
}

// each gives every chunk of the image to one of several workers, in order of offset, but for those that are there. Each
// worker has a buffer of ChunkSize. The first error ends it.
func each(ctx context.Context, img Image, o Options, do func(ctx context.Context, r run, buf []byte) error) error {
	g, ctx := errgroup.WithContext(ctx)
	work := make(chan run, o.Workers)
	g.Go(func() error {
		defer close(work)
		for r, err := range chunks(ctx, img, o.Where) {
			if err != nil {
				return err
			}
			if r.same {
				o.Progress.skip(r)
				continue
			}
			select {
			case work <- r:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	for range o.Workers {
		g.Go(func() error {
			buf := make([]byte, ChunkSize)
			for r := range work {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if err := do(ctx, r, buf); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// A writer puts runs of an image to a target.
type writer struct {
	img      Image
	target   Target
	progress *Progress
}

func (w writer) put(_ context.Context, r run, buf []byte) error {
	p := buf[:0]
	if r.data {
		p = buf[:r.n]
		if err := readFull(w.img, p, r.off); err != nil {
			return fmt.Errorf("image: %w", err)
		}
	}
	return w.write(r, p)
}

// take is write for runs whose bytes were read ahead.
func (w writer) take(_ context.Context, r run, p []byte) error { return w.write(r, p) }

// write puts a run, whose bytes are p if it is one of data.
func (w writer) write(r run, p []byte) error {
	if !r.data {
		if err := w.target.Zero(r.off, r.n); err != nil {
			return fmt.Errorf("zero %d bytes at %d: %w", r.n, r.off, err)
		}
		w.progress.Zero.Add(r.n)
		return nil
	}
	n, err := w.target.WriteAt(p, r.off)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("write %d bytes at %d: %w", r.n, r.off, err)
	}
	w.progress.Data.Add(r.n)
	return nil
}

// skip counts a run that need not be written.
func (p *Progress) skip(r run) {
	if r.data {
		p.Data.Add(r.n)
	} else {
		p.Zero.Add(r.n)
	}
	p.Same.Add(r.n)
}

// readFull fills p, or is an error: bytes that are missing are never taken for zeros.
func readFull(src io.ReaderAt, p []byte, off int64) error {
	n, err := src.ReadAt(p, off)
	if n == len(p) && (err == nil || errors.Is(err, io.EOF)) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %d bytes at %d: %w", len(p), off, err)
}
