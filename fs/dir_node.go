package fs

import (
	"context"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A folder is what a directory shows.
type folder interface {
	identity() fusefs.StableAttr

	// list gives the entries in order.
	list(ctx context.Context) ([]fuse.DirEntry, error)

	// find gives the node of that name: errAbsent when there is none.
	find(ctx context.Context, name string) (node, error)

	// facts counts the folders inside and tells the folder's time.
	facts(ctx context.Context) (folders int, modified time.Time, err error)

	// life tells for how long an answer of any of these is true.
	life() time.Duration
}

// A dirNode is a directory.
type dirNode struct {
	readOnly
	folder
	tree *tree
}

func newDir(t *tree, f folder) *dirNode { return &dirNode{tree: t, folder: f} }

func (n *dirNode) stat(ctx context.Context, a *fuse.Attr) error {
	folders, modified, err := n.facts(ctx)
	if err != nil {
		return err
	}
	a.Mode, a.Nlink = dirMode, uint32(2+folders)
	setSize(a, 0, 0)
	setTimes(a, modified)
	return nil
}

// Lookup implements fusefs.NodeLookuper.
func (n *dirNode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	child, err := n.find(ctx, name)
	if err == nil {
		err = child.stat(ctx, &out.Attr)
	}
	if err != nil {
		return nil, n.tree.fail(err)
	}
	out.SetEntryTimeout(n.life())
	out.SetAttrTimeout(child.life())
	return n.NewInode(ctx, child, child.identity()), 0
}

// Getattr implements fusefs.NodeGetattrer.
func (n *dirNode) Getattr(ctx context.Context, _ fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if err := n.stat(ctx, &out.Attr); err != nil {
		return n.tree.fail(err)
	}
	out.SetTimeout(n.life())
	return 0
}

// Readdir implements fusefs.NodeReaddirer.
func (n *dirNode) Readdir(ctx context.Context) (fusefs.DirStream, syscall.Errno) {
	entries, err := n.list(ctx)
	if err != nil {
		return nil, n.tree.fail(err)
	}
	above := n.StableAttr().Ino
	if _, parent := n.Parent(); parent != nil {
		above = parent.StableAttr().Ino
	}
	dots := []fuse.DirEntry{
		{Name: ".", Mode: syscall.S_IFDIR, Ino: n.StableAttr().Ino},
		{Name: "..", Mode: syscall.S_IFDIR, Ino: above},
	}
	return fusefs.NewListDirStream(append(dots, entries...)), 0
}

func entryOf(name string, id fusefs.StableAttr) fuse.DirEntry {
	return fuse.DirEntry{Name: name, Mode: id.Mode, Ino: id.Ino}
}
