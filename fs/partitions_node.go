package fs

import (
	"context"
	"errors"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"vbfs/guest/part"
	"vbfs/index/format"
)

// A partitionsFolder is a point's partitions/: each partition of each disk as an image of its own.
type partitionsFolder struct{ pointFolder }

func (f partitionsFolder) identity() fusefs.StableAttr { return f.id(syscall.S_IFDIR, partitions) }

func (f partitionsFolder) facts(context.Context) (int, time.Time, error) {
	return 0, f.point.Time, nil
}

func (f partitionsFolder) list(ctx context.Context) ([]fuse.DirEntry, error) {
	all, err := f.partitions(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]fuse.DirEntry, len(all.names))
	for i, name := range all.names {
		out[i] = entryOf(name, all.of[name].identity())
	}
	return out, nil
}

// find gives a partition even when another disk's table cannot be read.
func (f partitionsFolder) find(ctx context.Context, name string) (node, error) {
	all, err := f.partitions(ctx)
	if p, ok := all.of[name]; ok {
		return newFile(f.tree, p), nil
	}
	if err != nil {
		return nil, err
	}
	return nil, errAbsent
}

// partitions gives the partitions by the names of their files, in the order of disks and tables. The error tells which
// disks could not be read; the partitions of the others are there all the same.
func (f partitionsFolder) partitions(ctx context.Context) (*shelf[partitionFile], error) {
	out := newShelf[partitionFile]()
	o, err := f.open(ctx, f.point)
	if err != nil {
		return out, err
	}
	var failed error
	for i := range f.point.Disks {
		d := &f.point.Disks[i]
		if !d.HasImage() {
			continue
		}
		table, err := o.table(d)
		failed = errors.Join(failed, err)
		f.add(out, d, table)
	}
	return out, failed
}

func (f partitionsFolder) add(to *shelf[partitionFile], d *format.Disk, table part.Table) {
	for _, p := range table.Parts {
		name := part.DeviceName(d.Name, p.Number) + raw
		to.put(name, partitionFile{f.pointFolder, name, d.Name, p.Start, p.Length})
	}
}
