package index

import (
	"context"
	"errors"
	"fmt"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/imagemap"
	"vbfs/index/object"
)

// A Checkup is what is wrong with caches and what was left behind. None of it hurts a point.
type Checkup struct {
	DamagedSegments []string        // of the table
	MissingBlocks   int64           // in data packs, that the table does not know
	MissingPoints   int             // that the catalog does not know
	OrphanPacks     []format.PackID // that no point names, with OrphanBytes in all
	OrphanBytes     int64
	Dead            []*format.Session // whose writer is gone
	Alive           []*format.Session
}

// Clean tells whether rebuilding the table would change nothing. Orphans and sessions are no fault.
func (c *Checkup) Clean() bool {
	return len(c.DamagedSegments) == 0 && c.MissingBlocks == 0 && c.MissingPoints == 0
}

// Check compares the caches with what they are made from, and looks for what killed writers left.
func (r *Repository) Check(ctx context.Context, p *Progress) (*Checkup, error) {
	c := &Checkup{}
	sessions, err := r.Sessions(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range sessions {
		if Alive(s) {
			c.Alive = append(c.Alive, s)
		} else {
			c.Dead = append(c.Dead, s)
		}
	}
	if r.table != nil {
		if c.DamagedSegments, err = r.table.Verify(ctx); err != nil {
			return nil, err
		}
	}
	used, err := r.checkPoints(ctx, c)
	if err != nil {
		return nil, err
	}
	return c, r.checkPacks(ctx, c, used, p)
}

// checkPoints compares the catalog with the manifests, and gives the packs that these name.
func (r *Repository) checkPoints(ctx context.Context, c *Checkup) (used map[format.PackID]bool, err error) {
	used = map[format.PackID]bool{}
	seen := map[format.NodeHash]bool{}
	for info, err := range r.store.List(ctx, pointsFolder) {
		if err != nil {
			return nil, fmt.Errorf("list points: %w", err)
		}
		m, err := r.openManifest(ctx, info.Name)
		if errors.Is(err, ErrCorrupt) || errors.Is(err, object.ErrNotExist) || err == nil && m == nil {
			continue // damaged, which verify tells of, forgotten meanwhile, or void
		}
		if err != nil {
			return nil, err
		}
		if r.table != nil && r.catalogued(m.Point) == nil {
			c.MissingPoints++
		}
		for i := range m.Disks {
			if err := r.markUsed(ctx, m, &m.Disks[i], used, seen); err != nil {
				return nil, err
			}
		}
	}
	return used, nil
}

// markUsed notes the packs that a disk's map names; subtrees that were seen before are not read again.
func (r *Repository) markUsed(ctx context.Context, m *format.Manifest, d *format.Disk, used map[format.PackID]bool, seen map[format.NodeHash]bool) error {
	if !d.HasImage() {
		return nil
	}
	im, err := r.image(m, d, r.maps)
	if err != nil {
		return ignoreDamage(err)
	}
	visit := func(_ uint8, _ int64, c format.Child) (bool, error) {
		used[c.At.Pack] = true
		known := seen[c.Hash]
		seen[c.Hash] = true
		return !known, nil
	}
	run := func(run imagemap.Run) error { used[run.At.Pack] = true; return nil }
	return ignoreDamage(im.tree.Walk(ctx, visit, run))
}

// ignoreDamage leaves to verify what is verify's.
func ignoreDamage(err error) error {
	if errors.Is(err, ErrCorrupt) {
		return nil
	}
	return err
}

// checkPacks compares the table with the packs' trailers, and looks for packs that no point names.
func (r *Repository) checkPacks(ctx context.Context, c *Checkup, used map[format.PackID]bool, p *Progress) error {
	packs, _, err := r.storedPacks(ctx)
	if err != nil {
		return err
	}
	p.expect(packs)
	for _, s := range packs {
		if !used[s.id] {
			c.OrphanPacks = append(c.OrphanPacks, s.id)
			c.OrphanBytes += s.size
		}
		if r.table != nil {
			c.MissingBlocks += r.unproposed(ctx, s.id)
		}
		p.Done.Add(s.size)
	}
	return ctx.Err()
}

// unproposed counts the blocks of a data pack that the table does not know. Packs that do not open are verify's.
func (r *Repository) unproposed(ctx context.Context, id format.PackID) (n int64) {
	rd, err := r.packs.Reader(ctx, id)
	if err != nil || rd.Header().Kind != format.KindData {
		return 0
	}
	ids, err := rd.IDs(ctx)
	if err != nil {
		return 0
	}
	for _, b := range ids {
		if !r.proposed(ctx, b) {
			n++
		}
	}
	return n
}

// proposed tells whether the table knows a block, wherever it lies.
func (r *Repository) proposed(ctx context.Context, id block.ID) bool {
	return r.table.Lookup(id, func(a format.Address) bool { return r.holds(ctx, a, id) })
}
