package vmdk

import (
	"context"
	"fmt"
	"iter"

	"vbfs/restore"
)

// chunkSize is how much one worker reads at once, in bytes: a table's grains are a whole number of chunks.
const chunkSize = 1 << 20

// A span is a range of the image of one kind.
type span struct {
	off, n int64
	data   bool
}

// spans yields the image's runs in order, those of data cut at multiples of chunkSize. After an error it ends.
func spans(ctx context.Context, img restore.Image) iter.Seq2[span, error] {
	return func(yield func(span, error) bool) {
		for off := int64(0); off < img.Size(); {
			if ctx.Err() != nil {
				yield(span{}, context.Cause(ctx))
				return
			}
			s, err := spanAt(img, off)
			if !yield(s, err) || err != nil {
				return
			}
			off += s.n
		}
	}
}

// spanAt asks the image, and holds the answer against what grains rely on.
func spanAt(img restore.Image, off int64) (span, error) {
	n, data, err := img.Extent(off)
	if err != nil {
		return span{}, fmt.Errorf("map of the image at %d: %w", off, err)
	}
	left := img.Size() - off
	if n <= 0 || n > left || n < left && n%grainSize != 0 {
		return span{}, fmt.Errorf("%w: extent of %d bytes at %d of %d", restore.ErrImage, n, off, img.Size())
	}
	if data {
		n = min(n, chunkSize-off%chunkSize)
	}
	return span{off, n, data}, nil
}
