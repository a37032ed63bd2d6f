package vsphere

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"os"

	"vbfs/hyper/vsphere"
	"vbfs/ingest"
)

// A spooled is a disk that came as a stream, and lies in a file of its own without a name.
type spooled struct {
	file    *os.File
	size    int64
	extents []ingest.Extent
}

// openStream brings a whole disk into a file, as a raw image with holes.
func (t *taking) openStream(ctx context.Context, d vsphere.Disk) (_ ingest.Source, err error) {
	defer func() {
		if err != nil {
			t.mu.Lock()
			t.broken = true
			t.mu.Unlock()
		}
	}()
	lease, err := t.export(ctx)
	if err != nil {
		return nil, fmt.Errorf("transport nfc: %w", err)
	}
	body, err := lease.Stream(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("transport nfc: %w", err)
	}
	defer body.Close()
	file, err := nameless(cmp.Or(t.o.Scratch, "/var/tmp"))
	if err != nil {
		return nil, fmt.Errorf("transport nfc: %w: disk %s: %w", ErrScratch, d.Name, err)
	}
	extents, err := unpack(body, file, d.Capacity, t.o.Progress)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("transport nfc: disk %s: %w", d.Name, err)
	}
	return &spooled{file, d.Capacity, extents}, nil
}

// export begins the one lease of the snapshot.
func (t *taking) export(ctx context.Context) (*vsphere.Lease, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lease != nil {
		return t.lease, nil
	}
	l, err := t.conn.Export(ctx, t.snap)
	t.lease = l
	return l, err
}

// nameless makes a file that goes with the process, however that ends.
func nameless(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "vbfs-nfc-*")
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}

func (s *spooled) Size() int64 { return s.size }

func (s *spooled) ReadAt(p []byte, off int64) (int, error) { return s.file.ReadAt(p, off) }

func (s *spooled) Extents(ctx context.Context) iter.Seq2[ingest.Extent, error] {
	return list(ctx, s.extents)
}

func (s *spooled) Close() error { return s.file.Close() }

// unpack writes the grains of a streamOptimized VMDK where they belong, and gives the disk's extents: what the stream does not have is zero.
// done counts what came, and what it passed over.
func unpack(r io.Reader, file *os.File, capacity int64, done *ingest.Progress) ([]ingest.Extent, error) {
	if err := file.Truncate(capacity); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrScratch, err)
	}
	if done == nil {
		done = new(ingest.Progress)
	}
	done.Total.Add(capacity)
	last := int64(0)
	defer func() { done.Done.Add(capacity - last) }()
	v, err := readHeader(r, capacity)
	if err != nil {
		return nil, err
	}
	for {
		n, p, err := v.grain()
		if err == io.EOF { // itself: one that is wrapped is where it must not be
			break
		}
		if err != nil {
			return nil, err
		}
		off := n * v.grainSize
		if _, err := file.WriteAt(p[:min(v.grainSize, capacity-off)], off); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrScratch, err)
		}
		if end := min(off+v.grainSize, capacity); end > last {
			done.Done.Add(end - last)
			last = end
		}
	}
	if err := v.complete(); err != nil {
		return nil, err
	}
	return v.extents(), nil
}
