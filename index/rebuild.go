package index

import (
	"context"
	"errors"
	"fmt"

	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/table"
)

// RebuildTable makes the table anew from the packs' trailers and the manifests, and removes the segments that were there.
// Backups may go on meanwhile: what they add stays.
func (r *Repository) RebuildTable(ctx context.Context, p *Progress) error {
	if r.table == nil {
		return errors.New("this repository was opened without a table")
	}
	nothing := table.Keep{Address: func(format.Address) bool { return false }, Point: func(format.UUID) bool { return false }}
	if err := r.table.Merge(ctx, nothing); err != nil {
		return err
	}
	if _, err := r.adopt(ctx, p); err != nil {
		return err
	}
	points, err := r.catalogue(ctx)
	if err != nil {
		return err
	}
	if err := r.writeSegment(nil, points); err != nil {
		return err
	}
	return r.mergeTable(ctx)
}

// catalogue gives the sealed summaries of all points, from their manifests. Damaged ones are left out.
func (r *Repository) catalogue(ctx context.Context) ([]table.Point, error) {
	var out []table.Point
	for info, err := range r.store.List(ctx, pointsFolder) {
		if err != nil {
			return nil, fmt.Errorf("list points: %w", err)
		}
		m, err := r.openManifest(ctx, info.Name)
		if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, object.ErrNotExist) { // forgotten meanwhile
			return nil, err
		}
		if m != nil {
			out = append(out, table.Point{ID: m.Point, Sealed: r.ring.SealSummary(m.Point, m.Summary().Marshal())})
		}
	}
	return out, nil
}
