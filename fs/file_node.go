package fs

import (
	"context"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A file is what a regular file holds. It never changes.
type file interface {
	identity() fusefs.StableAttr

	// size gives the length in bytes, and how many of them are not in holes.
	size(ctx context.Context) (bytes, stored int64, err error)

	modified() time.Time

	// open gives a handle that can be read.
	open(ctx context.Context) (fusefs.FileReader, error)
}

// A fileNode is a regular file.
type fileNode struct {
	readOnly
	file
	tree *tree
}

func newFile(t *tree, f file) *fileNode { return &fileNode{tree: t, file: f} }

func (n *fileNode) life() time.Duration { return forever }

func (n *fileNode) stat(ctx context.Context, a *fuse.Attr) error {
	bytes, stored, err := n.size(ctx)
	if err != nil {
		return err
	}
	a.Mode, a.Nlink = fileMode, 1
	setSize(a, bytes, stored)
	setTimes(a, n.modified())
	return nil
}

// Getattr implements fusefs.NodeGetattrer.
func (n *fileNode) Getattr(ctx context.Context, _ fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if err := n.stat(ctx, &out.Attr); err != nil {
		return n.tree.fail(err)
	}
	out.SetTimeout(n.life())
	return 0
}

// Open implements fusefs.NodeOpener.
func (n *fileNode) Open(ctx context.Context, flags uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	if flags&syscall.O_ACCMODE != syscall.O_RDONLY || flags&syscall.O_TRUNC != 0 {
		return nil, 0, syscall.EROFS
	}
	h, err := n.open(ctx)
	if err != nil {
		return nil, 0, n.tree.fail(err)
	}
	if _, ok := h.(*imageHandle); ok {
		return h, fuse.FOPEN_DIRECT_IO, 0 // 1.6 times as fast in order as by the page cache, and alike at random
	}
	return h, fuse.FOPEN_KEEP_CACHE, 0
}

// Flush implements fusefs.NodeFlusher: there is nothing to flush, and the kernel need not ask at every close.
func (n *fileNode) Flush(context.Context, fusefs.FileHandle) syscall.Errno { return syscall.ENOSYS }
