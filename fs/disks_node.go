package fs

import (
	"context"
	"strings"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"vbfs/index/format"
)

// Endings of names of disks.
const (
	raw  = ".raw"
	vmdk = ".vmdk"
)

// A disksFolder is a point's disks/: each disk that the point has the bytes of as a raw image, and a descriptor for VMware.
type disksFolder struct{ pointFolder }

func (f disksFolder) identity() fusefs.StableAttr { return f.id(syscall.S_IFDIR, disks) }

func (f disksFolder) facts(context.Context) (int, time.Time, error) { return 0, f.point.Time, nil }

func (f disksFolder) list(context.Context) ([]fuse.DirEntry, error) {
	var out []fuse.DirEntry
	for i := range f.point.Disks {
		d := &f.point.Disks[i]
		if !d.HasImage() {
			continue
		}
		out = append(out, entryOf(d.Name+raw, f.id(syscall.S_IFREG, disks, d.Name+raw)))
		if describable(d) {
			out = append(out, entryOf(d.Name+vmdk, f.id(syscall.S_IFREG, disks, d.Name+vmdk)))
		}
	}
	return out, nil
}

func (f disksFolder) find(_ context.Context, name string) (node, error) {
	if d, ok := f.disk(strings.CutSuffix(name, raw)); ok {
		return newFile(f.tree, diskFile{f.pointFolder, d}), nil
	}
	if d, ok := f.disk(strings.CutSuffix(name, vmdk)); ok && describable(d) {
		content := func(context.Context) ([]byte, error) { return descriptor(f.point.Point, d), nil }
		return f.text(content, disks, name), nil
	}
	return nil, errAbsent
}

// disk finds a disk with an image, by what is before the ending of a file's name.
func (f disksFolder) disk(name string, ending bool) (*format.Disk, bool) {
	if !ending {
		return nil, false
	}
	d, ok := f.point.Disk(name)
	return d, ok && d.HasImage()
}
