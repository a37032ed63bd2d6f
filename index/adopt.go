package index

import (
	"context"
	"slices"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/table"
)

// adopt takes packs that no table segment names into the table: those that a killed run had sealed, and all when the
// table was lost. So an interrupted backup is cheap to repeat. It gives all packs that are there or were moved.
func (r *Repository) adopt(ctx context.Context, p *Progress) (present map[format.PackID]bool, err error) {
	packs, err := r.allPacks(ctx)
	if err != nil {
		return nil, err
	}
	present = make(map[format.PackID]bool, len(packs))
	for _, s := range packs {
		present[s.id] = true
	}
	named := r.table.Packs()
	packs = slices.DeleteFunc(packs, func(s storedPack) bool { _, ok := named[s.id]; return ok || r.shelf.has(s.id) })
	p.expect(packs)
	return present, r.enter(ctx, packs, p)
}

// enter writes table segments of packs.
func (r *Repository) enter(ctx context.Context, packs []storedPack, p *Progress) error {
	var entries []table.Entry
	for _, s := range packs {
		entries = append(entries, r.entries(ctx, s.id)...)
		p.Done.Add(s.size)
		if len(entries) >= spillAt {
			if err := r.writeSegment(entries, nil); err != nil {
				return err
			}
			entries = entries[:0]
		}
	}
	if len(entries) == 0 {
		return ctx.Err()
	}
	return r.writeSegment(entries, nil)
}

// entries gives what a pack adds to the table: of a tree pack the first node, so that it is named, and nothing of a pack
// that does not open, which verify tells of.
func (r *Repository) entries(ctx context.Context, id format.PackID) []table.Entry {
	rd, err := r.packs.Reader(ctx, id)
	if err != nil {
		return nil
	}
	ids, err := rd.IDs(ctx)
	if err != nil {
		return nil
	}
	if rd.Header().Kind == format.KindTree {
		first := slices.IndexFunc(ids, func(b block.ID) bool { return b != block.ID{} })
		return []table.Entry{entry(ids[first], format.Address{Pack: id, Slot: uint16(first)})}
	}
	out := make([]table.Entry, 0, len(ids))
	for slot, b := range ids {
		if b != (block.ID{}) { // else it was collected
			out = append(out, entry(b, format.Address{Pack: id, Slot: uint16(slot)}))
		}
	}
	return out
}
