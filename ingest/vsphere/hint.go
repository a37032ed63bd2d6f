package vsphere

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"vbfs/hyper/vsphere"
	"vbfs/ingest"
)

// How much of what is called empty is read to see whether it is: so many places, each as long as a block of the store, and both ends of
// the disk, where partition tables are.
const (
	hintSamples = 64
	hintBlock   = 64 << 10
	hintEnds    = 1 << 20
)

// allocated gives a disk's extents for a full read: all data, but for what VMware says was never written, if that is to be believed.
// In doubt it is not: what is read in vain is not stored.
func (t *taking) allocated(ctx context.Context, d vsphere.Disk, src *ranges) ([]ingest.Extent, error) {
	everything := []ingest.Extent{{Len: src.size}}
	mark, err := vsphere.ParseMark(d.Mark)
	if err != nil || t.foreign > 0 || !slices.Contains(t.state.note.Ours, mark.UUID) {
		return everything, nil
	}
	data, err := t.areas(ctx, d, vsphere.Allocated)
	if err != nil {
		return everything, ctx.Err()
	}
	extents := filled(data, src.size)
	empty, err := t.empty(src, extents)
	if err != nil {
		return nil, err
	}
	if !empty {
		return everything, nil
	}
	return extents, nil
}

// empty reads a sample of what is called zero.
func (t *taking) empty(src *ranges, extents []ingest.Extent) (bool, error) {
	var zero []ingest.Extent
	total := int64(0)
	for _, e := range extents {
		if e.Zero {
			zero = append(zero, e)
			total += e.Len
		}
	}
	if total == 0 {
		return true, nil
	}
	places := []int64{0, src.size - min(hintEnds, src.size)}
	for range hintSamples {
		places = append(places, at(zero, rand.Int64N(total)))
	}
	for i, off := range places {
		n := int64(hintBlock)
		if i < 2 {
			n = hintEnds
		}
		ok, err := emptyAt(src, zero, off, n)
		if !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// at finds the n-th byte of what is zero.
func at(zero []ingest.Extent, n int64) int64 {
	for _, e := range zero {
		if n < e.Len {
			return e.Off + n
		}
		n -= e.Len
	}
	return 0
}

// emptyAt reads what is called zero among n bytes at off.
func emptyAt(src *ranges, zero []ingest.Extent, off, n int64) (bool, error) {
	end := min(off+n, src.size)
	for _, e := range zero {
		from, to := max(off, e.Off), min(end, e.Off+e.Len)
		if from >= to {
			continue
		}
		p := make([]byte, to-from)
		if got, err := src.ReadAt(p, from); got < len(p) {
			return false, fmt.Errorf("read %d bytes at %d: %w", len(p), from, errors.Join(err))
		}
		if len(bytes.Trim(p, "\x00")) > 0 {
			return false, nil
		}
	}
	return true, nil
}
