package fs

import (
	"context"
	"errors"
	"io"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"vbfs/index/format"
)

// A diskFile is disks/NAME.raw: a disk as a sparse image.
type diskFile struct {
	pointFolder
	disk *format.Disk
}

func (f diskFile) identity() fusefs.StableAttr {
	return f.id(syscall.S_IFREG, disks, f.disk.Name+raw)
}
func (f diskFile) modified() time.Time { return f.point.Time }

func (f diskFile) size(context.Context) (bytes, stored int64, err error) {
	return f.disk.Size, f.stored(f.disk), nil
}

func (f diskFile) open(ctx context.Context) (fusefs.FileReader, error) {
	o, err := f.tree.open(ctx, f.point)
	if err != nil {
		return nil, err
	}
	im, err := o.image(f.disk.Name)
	if err != nil {
		return nil, err
	}
	return &imageHandle{tree: f.tree, window: window{im, 0, im.Size()}}, nil
}

// An imageHandle is an open disk or partition. It keeps the image, whatever becomes of the point.
type imageHandle struct {
	tree *tree
	window
	ahead ahead
}

// Read implements fusefs.FileReader.
func (h *imageHandle) Read(_ context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	res, err := h.ahead.read(h.window, dest, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, h.tree.fail(err)
	}
	return res, 0
}

// Release implements fusefs.FileReleaser.
func (h *imageHandle) Release(context.Context) syscall.Errno {
	h.ahead.end()
	return 0
}

// Lseek implements fusefs.FileLseeker. It goes on when the caller gets a signal: programs do not expect EINTR here.
func (h *imageHandle) Lseek(_ context.Context, off uint64, whence uint32) (uint64, syscall.Errno) {
	if off >= uint64(h.size) {
		return 0, syscall.ENXIO
	}
	to, err := h.seek(int64(off), whence == unix.SEEK_DATA)
	if err != nil {
		return 0, h.tree.fail(err)
	}
	return uint64(to), 0
}
