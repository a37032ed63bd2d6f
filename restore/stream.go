package restore

import (
	"context"
	"fmt"
	"io"
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

// inOrder gives every chunk of the image to one goroutine, in order of offset; those of data with their bytes, which are read ahead.
func inOrder(ctx context.Context, img Image, o Options, put func(context.Context, run, []byte) error) error {
	p := Pipeline[[]byte]{
		Prepare: func(buf []byte, c Chunk) error { return imageError(readFull(img, buf[:c.Len], c.Off)) },
		Take: func(ctx context.Context, buf []byte, c Chunk) error {
			return put(ctx, run{off: c.Off, n: c.Len, data: c.Data}, buf[:min(c.Len, int64(len(buf)))])
		},
	}
	for range o.Workers {
		p.Slots = append(p.Slots, make([]byte, ChunkSize))
	}
	return p.Run(ctx, img)
}

func imageError(err error) error {
	if err != nil {
		return fmt.Errorf("image: %w", err)
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
	for off := r.off; off < r.end(); off += ChunkSize {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n := min(ChunkSize, r.end()-off)
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
