package ghettovcb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sync/atomic"

	"vbfs/hyper/qemu"
	"vbfs/ingest"
	"vbfs/ingest/file"
)

// A flat disk is its extents, one after the other, byte for byte; what a file leaves out is zero, as in a thin disk.
type flat struct {
	pieces []piece
	size   int64
	closed atomic.Bool
}

// A piece is one extent of a flat disk.
type piece struct {
	name string
	off  int64 // on the disk
	n    int64
	own  *os.File     // which keeps the path of disk
	disk *file.Source // nil of zeros
}

var errClosed = errors.New("source is closed")

// openFlat takes over the image's files, with an error, too.
func openFlat(ctx context.Context, im image) (*flat, error) {
	s := new(flat)
	for i, e := range im[0].extents {
		p := piece{name: e.file, off: s.size, n: e.sectors * sector, own: im[0].files[i]}
		if p.own != nil {
			disk, err := file.Open(ctx, procPath(p.own), file.Options{Format: qemu.Raw})
			if err != nil {
				return nil, errors.Join(fmt.Errorf("%s: %w", p.name, err), s.Close(), im.close())
			}
			p.disk = disk
		}
		s.pieces, s.size = append(s.pieces, p), s.size+p.n
	}
	return s, nil
}

// Size is the disk's length in bytes.
func (s *flat) Size() int64 { return s.size }

// Close closes all files.
func (s *flat) Close() (err error) {
	if s.closed.Swap(true) {
		return nil
	}
	for _, p := range s.pieces {
		if p.disk != nil {
			err = errors.Join(err, p.disk.Close(), p.own.Close())
		}
	}
	return err
}

// ReadAt reads the disk.
func (s *flat) ReadAt(b []byte, off int64) (n int, err error) {
	switch {
	case s.closed.Load():
		return 0, errClosed
	case off < 0:
		return 0, fmt.Errorf("read at %d", off)
	}
	for _, p := range s.pieces {
		if n == len(b) {
			return n, nil
		}
		at := off + int64(n) - p.off
		if at < 0 || at >= p.n {
			continue
		}
		part := b[n:min(int64(len(b)), int64(n)+p.n-at)]
		if err := p.read(part, at); err != nil {
			return n, err
		}
		n += len(part)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// read fills b, or says what the extent is called.
func (p *piece) read(b []byte, at int64) error {
	if p.disk == nil {
		clear(b)
		return nil
	}
	if n, err := p.disk.ReadAt(b, at); n < len(b) {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}

// Extents yields all of the disk: holes of the files are zero.
func (s *flat) Extents(ctx context.Context) iter.Seq2[ingest.Extent, error] {
	return func(yield func(ingest.Extent, error) bool) {
		for _, p := range s.pieces {
			if p.disk == nil {
				if err := ctx.Err(); !yield(ingest.Extent{Off: p.off, Len: p.n, Zero: true}, err) || err != nil {
					return
				}
				continue
			}
			for e, err := range p.disk.Extents(ctx) {
				if err != nil {
					err = fmt.Errorf("%s: %w", p.name, err)
				}
				e.Off += p.off
				if !yield(e, err) {
					return
				}
				if err != nil {
					return
				}
			}
		}
	}
}

// changed says how a file was written to since it was opened, or nothing.
func (s *flat) changed() string {
	for _, p := range s.pieces {
		if p.disk == nil {
			continue
		}
		if yes, _ := p.disk.Changed(); yes {
			return p.name + " was written to while it was read"
		}
	}
	return ""
}
