package fs

import (
	"context"
	"encoding/json"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"vbfs/index/report"
)

// Names in a point's folder.
const (
	config     = "config"
	disks      = "disks"
	partitions = "partitions"
	pointJSON  = "point.json"
)

// A pointFolder is machines/NAME/POINT/: what one point holds. Nothing from here on ever changes.
type pointFolder struct {
	*tree
	point *point
}

// id gives the identity of something of the point.
func (f pointFolder) id(mode uint32, what ...string) fusefs.StableAttr {
	return identity(mode, append([]string{"point", string(f.point.Point[:])}, what...)...)
}

func (f pointFolder) identity() fusefs.StableAttr { return f.id(syscall.S_IFDIR) }
func (f pointFolder) life() time.Duration         { return forever }

func (f pointFolder) facts(context.Context) (int, time.Time, error) { return 3, f.point.Time, nil }

func (f pointFolder) list(context.Context) ([]fuse.DirEntry, error) {
	return []fuse.DirEntry{
		entryOf(config, configFolder{f}.identity()),
		entryOf(disks, disksFolder{f}.identity()),
		entryOf(partitions, partitionsFolder{f}.identity()),
		entryOf(pointJSON, f.id(syscall.S_IFREG, pointJSON)),
	}, nil
}

func (f pointFolder) find(_ context.Context, name string) (node, error) {
	switch name {
	case config:
		return newDir(f.tree, configFolder{f}), nil
	case disks:
		return newDir(f.tree, disksFolder{f}), nil
	case partitions:
		return newDir(f.tree, partitionsFolder{f}), nil
	case pointJSON:
		return f.text(f.json, pointJSON), nil
	}
	return nil, errAbsent
}

// text gives a node for a small file of the point.
func (f pointFolder) text(content func(context.Context) ([]byte, error), what ...string) node {
	return newFile(f.tree, &textFile{f.id(syscall.S_IFREG, what...), f.point.Time, content})
}

func (f pointFolder) json(context.Context) ([]byte, error) {
	b, err := json.MarshalIndent(report.Of(f.point.Manifest), "", "  ")
	return append(b, '\n'), err
}
