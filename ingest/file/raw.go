package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"golang.org/x/sys/unix"

	"vbfs/hyper/qemu"
	"vbfs/ingest"
)

// A raw disk is the file, byte for byte.
type raw struct {
	f    *os.File
	size int64
}

func openRaw(self watched) (*Source, error) {
	f, err := os.Open(self.path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !os.SameFile(info, self.info) {
		err = fmt.Errorf("%s was replaced while it was opened", self.path)
	}
	sizes := defaultSectors
	if err == nil && isBlockDevice(info) {
		sizes, err = deviceSectors(f)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Source{
		Source: &raw{f, self.length}, format: qemu.Raw, sectors: sizes, files: []watched{self},
	}, nil
}

func deviceSectors(f *os.File) (sectors, error) {
	logical, err := unix.IoctlGetInt(int(f.Fd()), unix.BLKSSZGET)
	if err != nil {
		return sectors{}, fmt.Errorf("logical sector size of %s: %w", f.Name(), err)
	}
	physical, err := unix.IoctlGetInt(int(f.Fd()), unix.BLKPBSZGET)
	if err != nil {
		return sectors{}, fmt.Errorf("physical sector size of %s: %w", f.Name(), err)
	}
	return sectors{logical, physical}, nil
}

func (r *raw) Size() int64 { return r.size }

func (r *raw) Close() error { return r.f.Close() }

// ReadAt reads inside the size that the file had at Open.
func (r *raw) ReadAt(p []byte, off int64) (int, error) {
	if off >= r.size {
		return 0, io.EOF
	}
	var past error
	if left := r.size - off; int64(len(p)) > left {
		p, past = p[:left], io.EOF
	}
	n, err := r.f.ReadAt(p, off)
	switch {
	case n == len(p):
		return n, past
	case errors.Is(err, io.EOF):
		return 0, fmt.Errorf("read %d bytes at %d from %s: %w", len(p), off, r.f.Name(), ErrShrunk)
	}
	return 0, err // names the file, as os does
}

// Extents yields what is allocated as data and holes as zero, as far as the file system tells.
func (r *raw) Extents(ctx context.Context) iter.Seq2[ingest.Extent, error] {
	return func(yield func(ingest.Extent, error) bool) {
		for off := int64(0); off < r.size; {
			e, err := r.extent(ctx, off)
			if err != nil {
				yield(ingest.Extent{}, fmt.Errorf("extents of %s at %d: %w", r.f.Name(), off, err))
				return
			}
			if !yield(e, nil) {
				return
			}
			off += e.Len
		}
	}
}

// extent is the extent that begins at off.
func (r *raw) extent(ctx context.Context, off int64) (ingest.Extent, error) {
	if err := ctx.Err(); err != nil {
		return ingest.Extent{}, err
	}
	data, err := r.f.Seek(off, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO): // no data from here to the end, wherever that is now
		return ingest.Extent{Off: off, Len: r.size - off, Zero: true}, r.whole()
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOTSUP): // a file system without holes
		return ingest.Extent{Off: off, Len: r.size - off}, nil
	case err != nil:
		return ingest.Extent{}, err
	case data > off:
		return ingest.Extent{Off: off, Len: min(data, r.size) - off, Zero: true}, nil
	}
	hole, err := r.f.Seek(off, unix.SEEK_HOLE)
	switch {
	case errors.Is(err, unix.ENXIO):
		return ingest.Extent{}, ErrShrunk
	case err != nil:
		return ingest.Extent{}, err
	case hole == off: // punched between the two calls
		return r.extent(ctx, off)
	}
	return ingest.Extent{Off: off, Len: min(hole, r.size) - off}, nil
}

// whole is an error if the file ends before the disk does: what was cut off is no hole.
func (r *raw) whole() error {
	info, err := r.f.Stat()
	if err == nil && info.Mode().IsRegular() && info.Size() < r.size {
		err = ErrShrunk
	}
	return err
}
