package fs

import (
	"context"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A dayFolder is by-date/2026-11-20/: a folder for each second in which a point was taken.
type dayFolder struct {
	*tree
	date string
}

func (f dayFolder) identity() fusefs.StableAttr { return identity(syscall.S_IFDIR, byDate, f.date) }
func (f dayFolder) life() time.Duration         { return f.remaining() }

// day gives what the folder shows: nothing once its last point was forgotten.
func (f dayFolder) day(ctx context.Context) (*day, error) {
	l, err := f.listing(ctx)
	if d, ok := l.days.of[f.date]; ok {
		return d, err
	}
	return &day{seconds: newShelf[*second]()}, err
}

func (f dayFolder) facts(ctx context.Context) (int, time.Time, error) {
	d, err := f.day(ctx)
	return len(d.seconds.names), d.newest, err
}

func (f dayFolder) list(ctx context.Context) ([]fuse.DirEntry, error) {
	d, err := f.day(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]fuse.DirEntry, len(d.seconds.names))
	for i, name := range d.seconds.names {
		out[i] = entryOf(name, secondFolder{f, name}.identity())
	}
	return out, nil
}

func (f dayFolder) find(ctx context.Context, name string) (node, error) {
	d, err := f.day(ctx)
	if err != nil {
		return nil, err
	}
	if _, ok := d.seconds.of[name]; !ok {
		return nil, errAbsent
	}
	return newDir(f.tree, secondFolder{f, name}), nil
}
