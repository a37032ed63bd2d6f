package restore

import (
	"context"
	"fmt"
	"iter"
)

// maxRun bounds one call of Zero, and with it the time that a cancelled restore may go on.
const maxRun = 1 << 30

// A run is a range of one kind.
type run struct {
	off, n int64
	data   bool
	same   bool // known to be there
}

func (r run) end() int64 { return r.off + r.n }

// An Amount is what a disk consists of, in bytes.
type Amount struct{ Data, Zero int64 }

// Survey reads an image's map, and no data.
func Survey(ctx context.Context, img Image) (Amount, error) {
	var a Amount
	for r, err := range runs(ctx, img) {
		switch {
		case err != nil:
			return Amount{}, err
		case r.data:
			a.Data += r.n
		default:
			a.Zero += r.n
		}
	}
	return a, nil
}

// runs yields the disk's runs in order: neighbours of a kind as one, unless it would be longer than maxRun. After an
// error it ends.
func runs(ctx context.Context, img Image) iter.Seq2[run, error] {
	return func(yield func(run, error) bool) {
		for off := int64(0); off < img.Size(); {
			if ctx.Err() != nil {
				yield(run{}, context.Cause(ctx))
				return
			}
			r, err := runAt(img, off)
			if !yield(r, err) || err != nil {
				return
			}
			off = r.end()
		}
	}
}

func runAt(img Image, off int64) (run, error) {
	r, err := extentAt(img, off)
	for err == nil && r.n < maxRun && r.end() < img.Size() {
		var next run
		if next, err = extentAt(img, r.end()); next.data != r.data {
			break
		}
		r.n += next.n
	}
	r.n = min(r.n, maxRun)
	return r, err
}

// extentAt asks the image, and holds the answer against what every target relies on.
func extentAt(img Image, off int64) (run, error) {
	n, data, err := img.Extent(off)
	if err != nil {
		return run{}, fmt.Errorf("map of the image at %d: %w", off, err)
	}
	left := img.Size() - off
	if n <= 0 || n > left || n < left && n%Granule != 0 {
		return run{}, fmt.Errorf("%w: extent of %d bytes at %d of %d", ErrImage, n, off, img.Size())
	}
	return run{off: off, n: n, data: data}, nil
}

// marked yields the runs cut where marks begin and end, for what lies outside of them is there. nil marks everything.
func marked(ctx context.Context, img Image, where *Marks) iter.Seq2[run, error] {
	if where == nil {
		return runs(ctx, img)
	}
	return func(yield func(run, error) bool) {
		for r, err := range runs(ctx, img) {
			for err == nil && r.n > 0 {
				n, in := where.at(r.off)
				n = min(n, r.n)
				if !yield(run{r.off, n, r.data, !in}, nil) {
					return
				}
				r.off, r.n = r.off+n, r.n-n
			}
			if err != nil {
				yield(run{}, err)
				return
			}
		}
	}
}

// chunks yields the marked runs again, those of data cut at multiples of ChunkSize.
func chunks(ctx context.Context, img Image, where *Marks) iter.Seq2[run, error] {
	return func(yield func(run, error) bool) {
		for r, err := range marked(ctx, img, where) {
			if err != nil || !r.data || r.same {
				if !yield(r, err) {
					return
				}
				continue
			}
			for r.n > 0 {
				n := min(r.n, ChunkSize-r.off%ChunkSize)
				if !yield(run{off: r.off, n: n, data: true}, nil) {
					return
				}
				r.off, r.n = r.off+n, r.n-n
			}
		}
	}
}
