package restore

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
)

// A comparer puts to a target what it does not hold yet, by granules.
type comparer struct {
	writer
	stored  verifier
	buffers *sync.Pool
}

func newComparer(img Image, t Target, stored io.ReaderAt, p *Progress) comparer {
	return comparer{
		writer{img, t, p},
		verifier{img, stored, p},
		&sync.Pool{New: func() any { b := make([]byte, ChunkSize); return &b }},
	}
}

// put writes what differs of a run, by way of a buffer of ChunkSize.
func (c comparer) put(ctx context.Context, r run, want []byte) error {
	got := c.buffers.Get().(*[]byte)
	defer c.buffers.Put(got)
	if r.data {
		if err := readFull(c.img, want[:r.n], r.off); err != nil {
			return fmt.Errorf("image: %w", err)
		}
		return c.patch(r, want[:r.n], *got)
	}
	for r.n > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, hole, err := c.hole(r)
		if err == nil && !hole {
			err = c.patch(run{off: r.off, n: n}, zeros[:n], *got)
		}
		if err != nil {
			return err
		}
		if hole {
			c.progress.skip(run{off: r.off, n: n})
		}
		r.off, r.n = r.off+n, r.n-n
	}
	return nil
}

// hole tells how much of the run is stored as a hole, in whole granules, or else how much of it to compare.
func (c comparer) hole(r run) (n int64, hole bool, err error) {
	n, hole, err = c.stored.hole(r)
	if hole && n < r.n {
		n -= n % Granule
	}
	if hole && n > 0 {
		return n, true, err
	}
	return min(granules(max(n, 1))*Granule, r.n, ChunkSize), false, err
}

// patch compares a part with what is stored, and writes the runs of granules that differ.
func (c comparer) patch(r run, want, got []byte) error {
	got = got[:r.n]
	if err := readFull(c.stored.stored, got, r.off); err != nil {
		return fmt.Errorf("target: %w", err)
	}
	for at := int64(0); at < r.n; {
		n, same := alike(want[at:], got[at:])
		part := run{off: r.off + at, n: n, data: r.data}
		if same {
			c.progress.skip(part)
		} else if err := c.write(part, want[at:at+n]); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// alike tells how far granules are the same in both from the first on, or differ; the last may be short.
func alike(a, b []byte) (n int64, same bool) {
	for int(n) < len(a) {
		end := min(n+Granule, int64(len(a)))
		equal := bytes.Equal(a[n:end], b[n:end])
		if n > 0 && equal != same {
			break
		}
		n, same = end, equal
	}
	return n, same
}
