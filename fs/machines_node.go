package fs

import (
	"context"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A machinesFolder is machines/: a folder for each name of a machine.
type machinesFolder struct{ *tree }

func (f machinesFolder) identity() fusefs.StableAttr { return identity(syscall.S_IFDIR, machines) }
func (f machinesFolder) life() time.Duration         { return f.remaining() }

func (f machinesFolder) facts(ctx context.Context) (int, time.Time, error) {
	l, err := f.listing(ctx)
	return len(l.machines.names), l.newest, err
}

func (f machinesFolder) list(ctx context.Context) ([]fuse.DirEntry, error) {
	l, err := f.listing(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]fuse.DirEntry, len(l.machines.names))
	for i, name := range l.machines.names {
		out[i] = entryOf(name, machineFolder{f.tree, name}.identity())
	}
	return out, nil
}

func (f machinesFolder) find(ctx context.Context, name string) (node, error) {
	l, err := f.listing(ctx)
	if err != nil {
		return nil, err
	}
	if _, ok := l.machines.of[name]; !ok {
		return nil, errAbsent
	}
	return newDir(f.tree, machineFolder{f.tree, name}), nil
}
