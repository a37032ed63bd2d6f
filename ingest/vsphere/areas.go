package vsphere

import (
	"context"
	"iter"

	"vbfs/hyper/vsphere"
	"vbfs/ingest"
)

// changed asks for all changes of a disk before anything is read: an error is a reason to read everything. No changes are not nil.
func (t *taking) changed(ctx context.Context, d vsphere.Disk) ([]ingest.Extent, error) {
	return t.areas(ctx, d, t.base(d).Tracking)
}

func (t *taking) areas(ctx context.Context, d vsphere.Disk, mark string) ([]ingest.Extent, error) {
	areas, err := t.conn.Changes(ctx, vsphere.Query{Machine: t.m.Ref, Snapshot: t.snap, Key: d.Key, Capacity: d.Capacity, Mark: mark})
	if err != nil {
		return nil, err
	}
	out := make([]ingest.Extent, len(areas))
	for i, a := range areas {
		out[i] = ingest.Extent{Off: a.Off, Len: a.Len}
	}
	return out, nil
}

// only yields other extents of a source than it does itself.
type only struct {
	ingest.Source
	extents []ingest.Extent
}

func (o only) Extents(ctx context.Context) iter.Seq2[ingest.Extent, error] {
	return list(ctx, o.extents)
}

// list yields extents while ctx lasts.
func list(ctx context.Context, extents []ingest.Extent) iter.Seq2[ingest.Extent, error] {
	return func(yield func(ingest.Extent, error) bool) {
		for _, e := range extents {
			if err := ctx.Err(); err != nil {
				yield(ingest.Extent{}, err)
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// filled puts zero extents between data extents, up to size.
func filled(data []ingest.Extent, size int64) (out []ingest.Extent) {
	end := int64(0)
	for _, e := range data {
		if e.Off > end {
			out = append(out, ingest.Extent{Off: end, Len: e.Off - end, Zero: true})
		}
		out = append(out, e)
		end = e.Off + e.Len
	}
	if end < size {
		out = append(out, ingest.Extent{Off: end, Len: size - end, Zero: true})
	}
	return out
}
