package vmdk

import (
	"context"
	"fmt"
	"io"
	"runtime"

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

// fill writes the grains, in order, which are read and compressed ahead.
func (s *stream) fill(ctx context.Context, img restore.Image, o StreamOptions) error {
	p := restore.Pipeline[*packer]{
		Prepare: func(p *packer, c restore.Chunk) error { return p.pack(img, c) },
		Take:    func(_ context.Context, p *packer, c restore.Chunk) error { return s.put(p, c, o.Progress) },
	}
	for range o.Workers {
		slot, err := newPacker(o.Level)
		if err != nil {
			return err
		}
		p.Slots = append(p.Slots, slot)
	}
	return p.Run(ctx, img)
}

// put writes a chunk that is packed.
func (s *stream) put(p *packer, c restore.Chunk, progress *restore.Progress) error {
	if !c.Data {
		progress.Zero.Add(c.Len)
		return nil
	}
	if err := s.grains(p); err != nil {
		return err
	}
	progress.Data.Add(c.Len)
	return nil
}
