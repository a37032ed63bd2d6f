package fs

import (
	"context"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A linkNode is a symbolic link. It never changes: one that points elsewhere is another.
type linkNode struct {
	readOnly
	id       fusefs.StableAttr
	target   string
	modified time.Time
}

func newLink(target string, modified time.Time, what ...string) *linkNode {
	return &linkNode{id: linkIdentity(target, what...), target: target, modified: modified}
}

func linkIdentity(target string, what ...string) fusefs.StableAttr {
	return identity(syscall.S_IFLNK, append([]string{"link", target}, what...)...)
}

func (n *linkNode) identity() fusefs.StableAttr { return n.id }
func (n *linkNode) life() time.Duration         { return forever }

func (n *linkNode) stat(_ context.Context, a *fuse.Attr) error {
	a.Mode, a.Nlink = linkMode, 1
	setSize(a, int64(len(n.target)), 0)
	setTimes(a, n.modified)
	return nil
}

// Getattr implements fusefs.NodeGetattrer.
func (n *linkNode) Getattr(ctx context.Context, _ fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.SetTimeout(n.life())
	n.stat(ctx, &out.Attr)
	return 0
}

// Readlink implements fusefs.NodeReadlinker.
func (n *linkNode) Readlink(context.Context) ([]byte, syscall.Errno) { return []byte(n.target), 0 }
