package vsphere

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/hyper/vsphere"
	"vbfs/ingest"
)

// A ranges is a disk whose bytes are one file, read in ranges.
type ranges struct {
	file *vsphere.File
	size int64
	life context.Context // until Close, which ends calls under way: io.ReaderAt has none
	stop context.CancelFunc

	wanted []ingest.Extent // what is to be read, in order; nil while that is not known

	mu      sync.Mutex                // of what follows
	streams map[int64]*vsphere.Stream // those that nobody reads just now, by the offset at which they go on
}

// openRanges refuses all disks whose bytes are not one flat file. Of areas of nil all is to be read.
func (t *taking) openRanges(ctx context.Context, d vsphere.Disk, areas []ingest.Extent) (ingest.Source, error) {
	src, err := t.ranges(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("transport https: %w", err)
	}
	if areas == nil {
		if areas, err = t.allocated(ctx, d, src); err != nil {
			src.Close()
			return nil, fmt.Errorf("transport https: %w", err)
		}
	}
	src.wanted = areas
	return only{src, areas}, nil
}

func (t *taking) ranges(ctx context.Context, d vsphere.Disk) (*ranges, error) {
	if why := unflat(d, t.m.Chain(d.Key)-1); why != "" { // the last one is our snapshot's
		return nil, fmt.Errorf("%w: %s", ErrTransport, why)
	}
	text, err := t.descriptor(ctx, d)
	if err != nil {
		return nil, err
	}
	parsed, err := parseDescriptor(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTransport, err)
	}
	name, err := parsed.flat(d.File, d.Capacity)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(t.m.Files, func(f types.VirtualMachineFileLayoutExFileInfo) bool { return f.Name == name && f.Type == "diskExtent" }) {
		return nil, fmt.Errorf("%w: VMware does not list %s among the machine's files", ErrTransport, name)
	}
	return t.openFlat(ctx, d, name)
}

// unflat says why the bytes of a disk, which stands on so many files, are not one flat file.
func unflat(d vsphere.Disk, files int) string {
	switch {
	case d.Encrypted:
		return "it is encrypted, and its file with it"
	case d.Raw || d.Backing != "FlatVer2":
		return fmt.Sprintf("its backing is %s, not a flat file", d.Backing)
	case d.Delta || files > 1:
		return "the machine has older snapshots, or is a linked clone, so that its bytes are in several files"
	}
	return ""
}

// openFlat reads the first sector, to see that all can be read, and how long the file is.
func (t *taking) openFlat(ctx context.Context, d vsphere.Disk, name string) (*ranges, error) {
	f, err := t.conn.OpenFile(ctx, t.m, name)
	if err != nil {
		return nil, err
	}
	size, err := f.Read(ctx, make([]byte, min(sectorSize, d.Capacity)), 0)
	if err != nil {
		return nil, err
	}
	if size != d.Capacity {
		return nil, fmt.Errorf("%w: %s has %d bytes, the disk has %d", ErrTransport, name, size, d.Capacity)
	}
	r := &ranges{file: f, size: size, streams: map[int64]*vsphere.Stream{}}
	r.life, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	return r, nil
}

// descriptor reads the text of a disk.
func (t *taking) descriptor(ctx context.Context, d vsphere.Disk) ([]byte, error) {
	f, err := t.conn.OpenFile(ctx, t.m, d.File)
	if err != nil {
		return nil, err
	}
	return f.All(ctx, maxDescriptor)
}

func (r *ranges) Size() int64 { return r.size }

func (r *ranges) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= r.size {
		return 0, io.EOF
	}
	var past error
	if left := r.size - off; int64(len(p)) > left {
		p, past = p[:left], io.EOF
	}
	if len(p) == 0 {
		return 0, past
	}
	if err := r.read(p, off); err != nil {
		return 0, err
	}
	return len(p), past
}

// Extents is one of data: a flat file reads as zeros where nothing was written, and does not tell.
func (r *ranges) Extents(ctx context.Context) iter.Seq2[ingest.Extent, error] {
	return list(ctx, []ingest.Extent{{Len: r.size}})
}

func (r *ranges) Close() error {
	r.stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.streams {
		s.Close()
	}
	clear(r.streams)
	return nil
}
