package fs

import (
	"context"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A textFile is a small file whose content is made when it is asked for: nodes that the kernel remembers hold none.
type textFile struct {
	id      fusefs.StableAttr
	at      time.Time
	content func(context.Context) ([]byte, error)
}

func (f *textFile) identity() fusefs.StableAttr { return f.id }
func (f *textFile) modified() time.Time         { return f.at }

func (f *textFile) size(ctx context.Context) (bytes, stored int64, err error) {
	b, err := f.content(ctx)
	return int64(len(b)), int64(len(b)), err
}

func (f *textFile) open(ctx context.Context) (fusefs.FileReader, error) {
	b, err := f.content(ctx)
	return textHandle(b), err
}

// A textHandle is an open textFile.
type textHandle []byte

// Read implements fusefs.FileReader.
func (h textHandle) Read(_ context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	b := h[min(off, int64(len(h))):]
	return fuse.ReadResultData(b[:min(len(b), len(dest))]), 0
}
