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
	named, err := r.table.Packs()
	if err != nil {
		return fmt.Errorf("table: %w", err)
	}
	var entries []table.Entry
	var packs []format.PackID
	for info, err := range r.store.List(ctx, packsFolder) {
		if err != nil {
			return fmt.Errorf("list packs: %w", err)
		}
		id, err := parsePackName(info.Name)
		if err != nil || named[id] {
			continue
		}
		packs = append(packs, id)
		entries = append(entries, r.entries(ctx, id)...)
		if len(entries) >= spillAt {
			if err := r.table.Write(entries, nil, packs); err != nil {
				return err
			}
			entries, packs = entries[:0], packs[:0]
		}
	}
	if len(packs) == 0 {
		return nil
	}
	return r.table.Write(entries, nil, packs)
}

// entries gives what a pack adds to the table: nothing for a tree pack, and for one that does not open, which verify
// tells of.
func (r *Repository) entries(ctx context.Context, id format.PackID) []table.Entry {
	rd, err := r.packs.Reader(ctx, id)
	if err != nil || rd.Header().Kind != format.KindData {
		return nil
	}
	ids, err := rd.IDs(ctx)
	if err != nil {
		return nil
	}
	out := make([]table.Entry, len(ids))
	for slot, b := range ids {
		out[slot] = table.NewEntry(b, format.Address{Pack: id, Slot: uint16(slot)})
	}
	return out
}
