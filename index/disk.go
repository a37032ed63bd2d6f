package index

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync/atomic"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/imagemap"
)

// Counts are what a disk's capture came to, in bytes of the disk but for Stored. They may be read while it goes on.
type Counts struct {
	Read    atomic.Int64 // from the source, and found to be zero without reading; counted by the engine
	Changed atomic.Int64 // of blocks that differ from the parent, of the data when there is none
	New     atomic.Int64 // of blocks that the repository did not have
	Stored  atomic.Int64 // that those take in packs
	Audited atomic.Int64 // from the source, of blocks that it calls unchanged; counted by the engine
}

// A DiskWriter is one disk of a point on its way in. Its leaves may be written by several Workers at once.
type DiskWriter struct {
	Counts Counts

	w       *Writer
	disk    format.Disk
	parent  *Image // nil for none
	inherit bool
	tree    *imagemap.Builder
	leaves  atomic.Int64 // written
	failed  string       // why, when the disk has failed
	copied  bool         // from another repository: what was said of the capture stays
}

// Name is the disk's name in the point.
func (d *DiskWriter) Name() string { return d.disk.Name }

// Fail gives the disk up: the point will say that it failed, and why. Its workers must have left it.
func (d *DiskWriter) Fail(reason string) { d.failed = reason }

// Drop takes the disk out of the point, so that it can be begun again. Its workers must have left it.
func (d *DiskWriter) Drop() {
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	d.w.disks = slices.DeleteFunc(d.w.disks, func(o *DiskWriter) bool { return o == d })
}

func newDiskWriter(w *Writer, d format.Disk, parent *Image, inherit bool) *DiskWriter {
	dw := &DiskWriter{w: w, disk: d, parent: parent, inherit: inherit}
	store := func(ctx context.Context, _ uint8, node []byte) (format.Child, error) { return w.tree.store(ctx, node) }
	var base *imagemap.Map
	var data int64
	if parent != nil {
		base, data = parent.tree, parent.disk.Data
	}
	dw.tree = imagemap.NewBuilder(d.Size, base, data, store)
	if !inherit {
		dw.tree.Afresh()
	}
	return dw
}

// Leaves counts the leaf ranges of the disk: 256 blocks, 16 MiB each, the last one short.
func (d *DiskWriter) Leaves() int64 {
	return (d.disk.Blocks() + format.LeafSize - 1) >> format.Log2Leaf
}

// LeafRange gives the blocks of leaf i.
func (d *DiskWriter) LeafRange(i int64) block.Range {
	first := i << format.Log2Leaf
	return block.Range{First: first, N: min(format.LeafSize, d.disk.Blocks()-first)}
}

// finish stores the map's inner nodes and gives the disk's record.
func (d *DiskWriter) finish(ctx context.Context) (format.Disk, error) {
	out := d.disk
	out.Audited += d.Counts.Audited.Load()
	if d.failed != "" {
		out.State, out.Reason = format.DiskFailed, d.failed
		return out, nil
	}
	if !d.inherit && d.leaves.Load() != d.Leaves() {
		return out, fmt.Errorf("disk %s: %d of %d leaf ranges were written", out.Name, d.leaves.Load(), d.Leaves())
	}
	res, err := d.tree.Finish(ctx)
	if err != nil {
		return out, fmt.Errorf("map of disk %s: %w", out.Name, err)
	}
	out.Log2Leaf, out.Log2Fan, out.Height = format.Log2Leaf, format.Log2Fan, res.Height
	out.Root, out.Data = res.Root, res.Data
	out.Digest = digestBytes(res.Digest)
	if d.copied {
		return out, nil
	}
	out.State = format.DiskOK
	out.Read, out.Changed = d.Counts.Read.Load(), d.Counts.Changed.Load()
	out.New, out.Stored = d.Counts.New.Load(), d.Counts.Stored.Load()
	return out, nil
}

func digestBytes(d block.Digest) (b [16]byte) {
	binary.LittleEndian.PutUint64(b[:8], d.Lo)
	binary.LittleEndian.PutUint64(b[8:], d.Hi)
	return b
}
