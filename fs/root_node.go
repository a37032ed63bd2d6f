package fs

import (
	"context"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Names at the root.
const (
	byDate   = "by-date"
	machines = "machines"
)

// A rootFolder is the top of the mount.
type rootFolder struct{ *tree }

// A rootNode is the mount's top directory, which knows about the whole, too.
type rootNode struct{ *dirNode }

func newRoot(t *tree) *rootNode { return &rootNode{newDir(t, rootFolder{t})} }

func (f rootFolder) identity() fusefs.StableAttr { return identity(syscall.S_IFDIR, "root") }
func (f rootFolder) life() time.Duration         { return f.remaining() }

func (f rootFolder) facts(ctx context.Context) (int, time.Time, error) {
	l, err := f.listing(ctx)
	return 2, l.newest, err
}

func (f rootFolder) list(context.Context) ([]fuse.DirEntry, error) {
	return []fuse.DirEntry{
		entryOf(byDate, byDateFolder(f).identity()),
		entryOf(machines, machinesFolder(f).identity()),
	}, nil
}

func (f rootFolder) find(_ context.Context, name string) (node, error) {
	switch name {
	case byDate:
		return newDir(f.tree, byDateFolder(f)), nil
	case machines:
		return newDir(f.tree, machinesFolder(f)), nil
	}
	return nil, errAbsent
}

// Statfs implements fusefs.NodeStatfser: the file system is as large as the data that it presents, and full.
func (n *rootNode) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	l, err := n.tree.listing(ctx)
	if err != nil {
		return n.tree.fail(err)
	}
	out.Bsize, out.Frsize, out.NameLen = 4096, 4096, 255
	for _, m := range l.summaries {
		for i := range m.Disks {
			out.Blocks += uint64(n.tree.stored(&m.Disks[i])+4095) / 4096
		}
	}
	out.Files = uint64(len(l.summaries))
	return 0
}
