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
	err := fill(ctx, img, t, o.withDefaults())
	if e := t.Close(); err == nil {
		err = e
	} else if e != nil {
		err = fmt.Errorf("%w; then %w", err, e)
	}
	return err
}

func fill(ctx context.Context, img Image, t Target, o Options) error {
	again, ok := t.(Rereader)
	if o.Verify && !ok {
		return ErrNoReread
	}
	w := writer{img, t, o.Progress}
	if err := each(ctx, img, o.Workers, w.put); err != nil {
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
	return t.Sync()
}

// each gives every chunk of the image to one of several workers, in order of offset. Each worker has a buffer of
// chunkSize. The first error ends it.
func each(ctx context.Context, img Image, workers int, do func(r run, buf []byte) error) error {
	g, ctx := errgroup.WithContext(ctx)
	work := make(chan run, workers)
	g.Go(func() error {
		defer close(work)
		for r, err := range chunks(ctx, img) {
			if err != nil {
				return err
			}
			select {
			case work <- r:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	for range workers {
		g.Go(func() error {
			buf := make([]byte, chunkSize)
			for r := range work {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if err := do(r, buf); err != nil {
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

func (w writer) put(r run, buf []byte) error {
	if !r.data {
		if err := w.target.Zero(r.off, r.n); err != nil {
			return fmt.Errorf("zero %d bytes at %d: %w", r.n, r.off, err)
		}
		w.progress.Zero.Add(r.n)
		return nil
	}
	p := buf[:r.n]
	if err := readFull(w.img, p, r.off); err != nil {
		return fmt.Errorf("image: %w", err)
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
