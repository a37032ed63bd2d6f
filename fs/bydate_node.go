package fs

import (
	"context"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A byDateFolder is by-date/: a folder for each day.
type byDateFolder struct{ *tree }

func (f byDateFolder) identity() fusefs.StableAttr { return identity(syscall.S_IFDIR, byDate) }
func (f byDateFolder) life() time.Duration         { return f.remaining() }

func (f byDateFolder) facts(ctx context.Context) (int, time.Time, error) {
	l, err := f.listing(ctx)
	return len(l.days.names), l.newest, err
}

func (f byDateFolder) list(ctx context.Context) ([]fuse.DirEntry, error) {
	l, err := f.listing(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]fuse.DirEntry, len(l.days.names))
	for i, name := range l.days.names {
		out[i] = entryOf(name, dayFolder{f.tree, name}.identity())
	}
	return out, nil
}

func (f byDateFolder) find(ctx context.Context, name string) (node, error) {
	l, err := f.listing(ctx)
	if err != nil {
		return nil, err
	}
	if _, ok := l.days.of[name]; !ok {
		return nil, errAbsent
	}
	return newDir(f.tree, dayFolder{f.tree, name}), nil
}
