package fs

import (
	"fmt"
	"io"

	"vbfs/index"
)

// A window is the bytes [off, off+size) of an image.
type window struct {
	image     *index.Image
	off, size int64
}

// ReadAt fills p from off, and gives less only at the window's end.
func (w window) ReadAt(p []byte, off int64) (int, error) {
	if off >= w.size {
		return 0, io.EOF
	}
	short := int64(len(p)) > w.size-off
	if short {
		p = p[:w.size-off]
	}
	n, err := w.image.ReadAt(p, w.off+off)
	if n == len(p) && (err == nil || err == io.EOF) {
		err = nil
		if short {
			err = io.EOF
		}
	}
	return n, err
}

// extent tells the kind of the run at off and its length, as index.Image.Extent does.
func (w window) extent(off int64) (n int64, data bool, err error) {
	n, data, err = w.image.Extent(w.off + off)
	if err == nil && n <= 0 {
		err = fmt.Errorf("extent at %d: no bytes", w.off+off)
	}
	return min(n, w.size-off), data, err
}

// seek gives the first offset from off on where there is data, or a hole. The window's end is a hole.
func (w window) seek(off int64, data bool) (int64, error) {
	for off < w.size {
		n, is, err := w.extent(off)
		if err != nil {
			return 0, err
		}
		if is == data {
			return off, nil
		}
		off += n
	}
	if data {
		return 0, errNoData
	}
	return w.size, nil
}

// maxCounted bounds how many bytes of data are looked at to count them: 64 GiB are 4,096 leaves of the map, each of them
// a read in the worst case: 0.2 s.
const maxCounted = 64 << 30

// dataBytes counts the bytes that are not in holes. Where there are more than maxCounted, the rest is taken to be as full
// as what was seen.
func (w window) dataBytes() (int64, error) {
	var sum int64
	for off := int64(0); off < w.size; {
		if sum >= maxCounted {
			return int64(float64(sum) / float64(off) * float64(w.size)), nil
		}
		n, data, err := w.extent(off)
		if err != nil {
			return 0, err
		}
		if data {
			sum += n
		}
		off += n
	}
	return sum, nil
}
