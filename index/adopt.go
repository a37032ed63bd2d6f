package index

import (
	"context"
	"fmt"

	"vbfs/index/format"
	"vbfs/index/table"
)

// adopt takes packs that no table segment names into the table: those that a killed run had sealed, and all when the
// table was lost. So an interrupted backup is cheap to repeat.
func (r *Repository) adopt(ctx context.Context) error {
	named := r.table.Packs()
	var entries []table.Entry
	for info, err := range r.store.List(ctx, packsFolder) {
		if err != nil {
			return fmt.Errorf("list packs: %w", err)
		}
		id, err := parsePackName(info.Name)
		if err != nil {
			continue // no pack; check tells of it
		}
		if _, ok := named[id]; ok {
			continue
		}
		entries = append(entries, r.entries(ctx, id)...)
		if len(entries) >= spillAt {
			if err := r.writeSegment(entries, nil); err != nil {
				return err
			}
			entries = entries[:0]
		}
	}
	if len(entries) == 0 {
		return nil
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
		ids = ids[:1]
	}
	out := make([]table.Entry, len(ids))
	for slot, b := range ids {
		out[slot] = entry(b, format.Address{Pack: id, Slot: uint16(slot)})
	}
	return out
}
