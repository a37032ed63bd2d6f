package fs

import (
	"context"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
)

// A partitionFile is partitions/NAME.raw: a partition as a sparse image.
type partitionFile struct {
	pointFolder
	name        string
	disk        string
	off, length int64 // on the disk, bytes
}

func (f partitionFile) identity() fusefs.StableAttr {
	return f.id(syscall.S_IFREG, partitions, f.name)
}
func (f partitionFile) modified() time.Time { return f.point.Time }

func (f partitionFile) window(ctx context.Context) (window, error) {
	o, err := f.tree.open(ctx, f.point)
	if err != nil {
		return window{}, err
	}
	im, err := o.image(f.disk)
	return window{im, f.off, f.length}, err
}

func (f partitionFile) size(ctx context.Context) (bytes, stored int64, err error) {
	w, err := f.window(ctx)
	if err != nil {
		return 0, 0, err
	}
	stored, err = w.dataBytes()
	return f.length, stored, err
}

func (f partitionFile) open(ctx context.Context) (fusefs.FileReader, error) {
	w, err := f.window(ctx)
	if err != nil {
		return nil, err
	}
	return &imageHandle{tree: f.tree, window: w}, nil
}
