package targettest

import (
	"io"
	"math/rand/v2"

	"vbfs/restore"
)

// A Range of an image's bytes. What is not data is zero.
type Range struct {
	Off, Len int64
	Data     bool
}

// An Image is one in memory, whose ranges cover it in order.
type Image struct {
	Bytes  []byte
	Ranges []Range

	// Fail, if not nil, can make a read fail.
	Fail func(off, n int64) error
}

var _ restore.Image = (*Image)(nil)

// Random makes an image of size bytes: ranges of data and of zeros, of 1 to 40 granules, several of a kind in a row. A
// range of data may hold zeros, and its first byte is not one.
func Random(size int64, rng *rand.Rand) *Image {
	img := &Image{Bytes: make([]byte, size)}
	for off := int64(0); off < size; {
		n := min((1+rng.Int64N(1+rng.Int64N(40)))*restore.Granule, size-off)
		r := Range{off, n, off == 0 || rng.IntN(5) < 3}
		if r.Data {
			randomBytes(img.Bytes[off:off+n], rng)
		}
		img.Ranges = append(img.Ranges, r)
		off += n
	}
	return img
}

func randomBytes(p []byte, rng *rand.Rand) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		if i%8192 < 5000 {
			p[i] = byte(rng.Uint32())
		}
	}
}

// ReadAt implements io.ReaderAt.
func (im *Image) ReadAt(p []byte, off int64) (int, error) {
	if im.Fail != nil {
		if err := im.Fail(off, int64(len(p))); err != nil {
			return 0, err
		}
	}
	n := copy(p, im.Bytes[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Size is the image's length in bytes.
func (im *Image) Size() int64 { return int64(len(im.Bytes)) }

// Extent tells the kind of the range at off.
func (im *Image) Extent(off int64) (n int64, data bool, err error) {
	for _, r := range im.Ranges {
		if end := r.Off + r.Len; off < end {
			return end - off, r.Data, nil
		}
	}
	return 0, false, io.EOF
}

// firstData is the offset of a byte that is not zero.
func (im *Image) firstData() int64 {
	for _, r := range im.Ranges {
		if r.Data {
			return r.Off
		}
	}
	return -1
}
