package vmdk

import (
	"context"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"

	"vbfs/restore"
)

// StreamOptions say how to write a streamOptimized disk.
type StreamOptions struct {
	Meta

	// Level of compression, 1 to 9. 0 is 1: on a disk of programs twice as fast as 2 to 6, and 3 to 11 % larger than they are.
	Level int

	// Workers is how many chunks of 1 MiB are read and compressed at once. 0 is 4, or the number of CPUs if that is more. Each
	// takes about 4 MiB.
	Workers int

	// Progress counts what is done of the image. nil is: nobody wants to know.
	Progress *restore.Progress
}

func (o StreamOptions) withDefaults(size int64) (_ StreamOptions, err error) {
	if o.Level == 0 {
		o.Level = 1
	}
	if o.Workers <= 0 {
		o.Workers = max(4, runtime.GOMAXPROCS(0))
	}
	if o.Progress == nil {
		o.Progress = new(restore.Progress)
	}
	o.Meta, err = o.Meta.withDefaults(size)
	return o, err
}

// Stream writes an image as a streamOptimized disk, in order. How long that is shows at its end. What is written when it fails
// cannot be taken back, and has no end by which it could be taken for a disk. A Write that blocks holds up the end of a cancelled
// one.
func Stream(ctx context.Context, w io.Writer, img restore.Image, o StreamOptions) error {
	if img.Size() <= 0 || img.Size() > maxDisk {
		return fmt.Errorf("%w: a disk of %d bytes", ErrTooLarge, img.Size())
	}
	o, err := o.withDefaults(img.Size())
	if err != nil {
		return err
	}
	s := newStream(w, img.Size())
	if err := s.begin(o.Meta); err != nil {
		return err
	}
	if err := s.fill(ctx, img, o); err != nil {
		return err
	}
	if ctx.Err() != nil { // a restore that was called off has no end
		return context.Cause(ctx)
	}
	return s.end()
}

// A packed is a span on its way into the stream.
type packed struct {
	span
	packer *packer    // nil for zeros
	ready  chan error // of capacity 1: how the packing ended
}

// fill writes the grains, in order, which are read and compressed ahead.
func (s *stream) fill(ctx context.Context, img restore.Image, o StreamOptions) error {
	free := make(chan *packer, o.Workers)
	for range o.Workers {
		p, err := newPacker(o.Level)
		if err != nil {
			return err
		}
		free <- p
	}
	g, ctx := errgroup.WithContext(ctx)
	order := make(chan packed, o.Workers)
	g.Go(func() error {
		defer close(order)
		return packAhead(ctx, g, img, order, free)
	})
	g.Go(func() error {
		for p := range order {
			if err := s.put(ctx, p, o.Progress); err != nil {
				return err
			}
			if p.data {
				free <- p.packer
			}
		}
		return nil
	})
	return g.Wait()
}

// packAhead queues the spans of the image in order, and has those of data packed.
func packAhead(ctx context.Context, g *errgroup.Group, img restore.Image, order chan<- packed, free <-chan *packer) error {
	for sp, err := range spans(ctx, img) {
		if err != nil {
			return err
		}
		p := packed{span: sp}
		if sp.data {
			select {
			case p.packer = <-free:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			p.ready = make(chan error, 1)
			g.Go(func() error {
				p.ready <- p.packer.pack(img, sp)
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

// put writes a span, once it is packed.
func (s *stream) put(ctx context.Context, p packed, progress *restore.Progress) error {
	if !p.data {
		progress.Zero.Add(p.n)
		return nil
	}
	if err := <-p.ready; err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := s.grains(p.packer); err != nil {
		return err
	}
	progress.Data.Add(p.n)
	return nil
}
