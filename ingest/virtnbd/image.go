package virtnbd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync/atomic"

	"vbfs/ingest"
)

// An image is a disk at a point: what its stream says, and where that says nothing, what the stream that it counts from
// says, and so on down to a full one.
//
//	inc 2   ....DD....Z...   size 14      D data, Z zero, . nothing said
//	inc 1   DD..D.....        size 10     beyond its size a stream says: zero
//	full    DDZZDDDDZZZZ      size 12
//	image   DDZZDDDDZZZZZZ
//
// What a disk loses when it shrinks does not come back when it grows.
type image struct {
	chain   []*stream // from the full one on; the last is the point's own
	changes bool      // only what the own stream says is yielded
	closed  atomic.Bool
}

var _ ingest.Source = (*image)(nil)

var errClosed = errors.New("source is closed")

// openImage opens a disk whose chain is known. All of it is sound, or it is an error.
func openImage(ctx context.Context, chain []*stream, changes bool) (*image, error) {
	for i, s := range chain {
		open := s.sound
		if changes && i < len(chain)-1 {
			open = s.use // it is only compared with what was captured
		}
		if err := open(ctx); err != nil {
			return nil, err
		}
	}
	return &image{chain: chain, changes: changes}, nil
}

func (im *image) own() *stream { return im.chain[len(im.chain)-1] }

// Size is the disk's length in bytes when the point was made.
func (im *image) Size() int64 { return im.own().size() }

// Close ends the reads. The files stay open, for they are the set's.
func (im *image) Close() error {
	im.closed.Store(true)
	return nil
}

// ReadAt reads the disk.
func (im *image) ReadAt(p []byte, off int64) (int, error) {
	switch size := im.Size(); {
	case im.closed.Load():
		return 0, errClosed
	case off < 0:
		return 0, fmt.Errorf("read at %d", off)
	case off >= size:
		return 0, io.EOF
	case int64(len(p)) > size-off:
		n, err := im.ReadAt(p[:size-off], off)
		if err == nil {
			err = io.EOF
		}
		return n, err
	}
	if err := im.read(len(im.chain)-1, p, off); err != nil {
		return 0, err
	}
	return len(p), nil
}

// read fills p with what the streams up to level say.
func (im *image) read(level int, p []byte, off int64) error {
	if level < 0 {
		return errors.New("a full stream does not cover its disk")
	}
	s := im.chain[level]
	if n := s.size() - off; n < int64(len(p)) {
		n = max(n, 0)
		clear(p[n:])
		p = p[:n]
	}
	c := s.frames.from(off)
	for len(p) > 0 {
		f, ok := c.next()
		before := int64(len(p)) // that nothing is said of
		if ok {
			before = min(before, f.off-off)
		}
		if before > 0 {
			if err := im.read(level-1, p[:before], off); err != nil {
				return err
			}
			p, off = p[before:], off+before
			if len(p) == 0 {
				return nil
			}
		}
		n := min(int64(len(p)), f.end()-off)
		if f.zero {
			clear(p[:n])
		} else if err := s.readFrame(f, p[:n], off); err != nil {
			return err
		}
		p, off = p[n:], off+n
	}
	return nil
}

// Extents yields all of the disk, or what changed.
func (im *image) Extents(ctx context.Context) iter.Seq2[ingest.Extent, error] {
	return func(yield func(ingest.Extent, error) bool) {
		size, top := im.Size(), len(im.chain)-1
		for off := int64(0); off < size; {
			if err := ctx.Err(); err != nil {
				yield(ingest.Extent{}, err)
				return
			}
			e, said := im.at(top, off, size-off)
			if !said && !im.changes {
				e, _ = im.under(top-1, e)
			}
			off = e.Off + e.Len
			if (said || !im.changes) && !yield(e, nil) {
				return
			}
		}
	}
}

// under tells what the streams up to level say of the beginning of a range.
func (im *image) under(level int, e ingest.Extent) (_ ingest.Extent, said bool) {
	for ; level >= 0 && !said; level-- {
		e, said = im.at(level, e.Off, e.Len)
	}
	return e, said
}

// at tells how far the stream at level says one thing of a range from off on, or nothing.
func (im *image) at(level int, off, n int64) (e ingest.Extent, said bool) {
	s := im.chain[level]
	if off >= s.size() {
		return ingest.Extent{Off: off, Len: n, Zero: true}, true
	}
	n = min(n, s.size()-off)
	f, ok := s.frames.from(off).next()
	switch {
	case !ok:
		return ingest.Extent{Off: off, Len: n}, false
	case f.off > off:
		return ingest.Extent{Off: off, Len: min(n, f.off-off)}, false
	}
	return ingest.Extent{Off: off, Len: min(n, f.end()-off), Zero: f.zero}, true
}
