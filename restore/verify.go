package restore

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
)

// zeros is what holes are compared with and written from. Nobody writes to it.
var zeros = make([]byte, ChunkSize)

func reread(ctx context.Context, img Image, t Rereader, o Options) error {
	stored, err := t.Reread(ctx)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	return Verify(ctx, img, stored, o)
}

// Verify compares what is stored with an image: ErrMismatch names the first byte that differs in the chunk that was
// found first. If stored has extents, as an Image has, its holes are not read.
func Verify(ctx context.Context, img Image, stored io.ReaderAt, o Options) error {
	o = o.withDefaults()
	o.Where = nil // of all
	buffers := sync.Pool{New: func() any { b := make([]byte, ChunkSize); return &b }}
	v := verifier{img, stored, o.Progress}
	return each(ctx, img, o, func(ctx context.Context, r run, want []byte) error {
		got := buffers.Get().(*[]byte)
		defer buffers.Put(got)
		return v.check(ctx, r, want, *got)
	})
}

type verifier struct {
	img      Image
	stored   io.ReaderAt
	progress *Progress
}

// check compares a run, by way of two buffers of ChunkSize.
func (v verifier) check(ctx context.Context, r run, want, got []byte) error {
	if r.data {
		if err := readFull(v.img, want[:r.n], r.off); err != nil {
			return fmt.Errorf("image: %w", err)
		}
		return v.compare(want[:r.n], got, r.off)
	}
	for r.n > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, hole, err := v.hole(r)
		if err != nil {
			return err
		}
		if hole {
			v.progress.Verified.Add(n)
		} else {
			n = min(n, ChunkSize)
			if err := v.compare(zeros[:n], got, r.off); err != nil {
				return err
			}
		}
		r.off, r.n = r.off+n, r.n-n
	}
	return nil
}

// hole tells how much of the run is stored as a hole, or not.
func (v verifier) hole(r run) (n int64, hole bool, err error) {
	stored, ok := v.stored.(Image)
	if !ok {
		return r.n, false, nil
	}
	n, data, err := stored.Extent(r.off)
	if err == nil && n <= 0 {
		err = ErrImage
	}
	if err != nil {
		return 0, false, fmt.Errorf("extent of the target at %d: %w", r.off, err)
	}
	return min(n, r.n), !data, nil
}

func (v verifier) compare(want, got []byte, off int64) error {
	got = got[:len(want)]
	if err := readFull(v.stored, got, off); err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if !bytes.Equal(want, got) {
		return fmt.Errorf("%w: first at byte %d", ErrMismatch, off+int64(differ(want, got)))
	}
	v.progress.Verified.Add(int64(len(want)))
	return nil
}

// differ is the index of the first byte that differs.
func differ(a, b []byte) int {
	i := 0
	for a[i] == b[i] {
		i++
	}
	return i
}
