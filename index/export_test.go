package index

import (
	"context"
	"testing"

	"vbfs/index/block"
	"vbfs/index/format"
)

// StoredBlocks counts how often each block is stored, over all data packs.
func (r *Repository) StoredBlocks(ctx context.Context) (map[block.ID]int, error) {
	out := map[block.ID]int{}
	packs, _, err := r.storedPacks(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range packs {
		rd, err := r.packs.Reader(ctx, s.id)
		if err != nil {
			return nil, err
		}
		if rd.Header().Kind != format.KindData {
			continue
		}
		ids, err := rd.IDs(ctx)
		if err != nil {
			return nil, err
		}
		for _, b := range ids {
			out[b]++
		}
	}
	return out, nil
}

// Forgive ends sessions, and makes collections that were interrupted look like those of a process that is gone: in a test
// the process lives on.
func Forgive(t interface{ Fatal(...any) }, r *Repository) {
	ctx := context.Background()
	sessions, err := r.Sessions(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sessions {
		if err := r.Break(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	all, err := r.collections(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.done != nil {
			continue
		}
		c.Boot = "before"
		if err := r.store.Delete(ctx, gcName(c.id)); err != nil {
			t.Fatal(err)
		}
		if err := r.put(ctx, format.KindCollection, gcName(c.id), &c.Collection); err != nil {
			t.Fatal(err)
		}
	}
}

// PutPending lays a point aside, as its writer does before it commits.
func PutPending(t interface{ Fatal(...any) }, r *Repository, m *format.Manifest) {
	if err := r.put(context.Background(), format.KindPending, pendingName(m.Point), m); err != nil {
		t.Fatal(err)
	}
}

// Marked gives the slots that a collection takes for named.
func (r *Repository) Marked(ctx context.Context) (map[format.Address]bool, error) {
	m, err := r.packs.Moves(ctx)
	if err != nil {
		return nil, err
	}
	k := newMarker(r, m)
	if err := k.markAll(ctx, new(PruneProgress)); err != nil {
		return nil, err
	}
	out := map[format.Address]bool{}
	for id, b := range k.live {
		for slot := range len(b) * 64 {
			if b.has(uint16(slot)) {
				out[format.Address{Pack: id, Slot: uint16(slot)}] = true
			}
		}
	}
	return out, nil
}

// Spill writes what of the shelf is durable into a segment.
func (r *Repository) Spill() error { return r.spill(0, nil, nil) }

// Shelved counts the blocks on the shelf.
func (r *Repository) Shelved() int {
	r.shelf.mu.Lock()
	defer r.shelf.mu.Unlock()
	return len(r.shelf.at)
}

// MovedSlots gives the slots that lie in bundles, as often as bundles that count have them.
func MovedSlots(t testing.TB, r *Repository) (out []format.Address) {
	m, err := r.packs.Moves(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, mv := range m.Moved {
		b, err := r.packs.Bundle(t.Context(), mv.Bundle)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range b.Parts() {
			for _, s := range p.Slots {
				if p.Header.ID == mv.Pack {
					out = append(out, format.Address{Pack: mv.Pack, Slot: s.Number})
				}
			}
		}
	}
	return out
}
