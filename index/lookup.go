package index

import (
	"context"
	"fmt"
	"sync"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/pack"
	"vbfs/index/table"
)

// A lookup answers where a block is that the repository has already. What this writer stored itself it knows; what the
// table proposes counts only when the pack's trailer says the same.
type lookup struct {
	repo    *Repository
	present map[format.PackID]bool // when the session began
	gone    *gone                  // as of then, until W2 knows better

	mu     sync.Mutex // guards all below
	fresh  map[block.ID]format.Address
	sealed map[format.PackID]bool // packs of fresh that are in the repository
}

// spillAt bounds fresh, of all writers at once of a Repository: a million entries are about 90 MB.
const spillAt = 1 << 20

// newLookup begins to look up, in a session that is open: what is there now can go only by a collection that W2 will see.
// What is kept from before the session may be there no more.
func newLookup(ctx context.Context, r *Repository) (l *lookup, err error) {
	l = &lookup{repo: r, fresh: map[block.ID]format.Address{}, sealed: map[format.PackID]bool{}}
	if l.gone, err = r.gone(ctx); err != nil {
		return nil, err
	}
	r.packs.ForgetAll()
	if r.table == nil {
		return l, nil
	}
	if err := r.table.Refresh(); err != nil {
		return nil, fmt.Errorf("table: %w", err)
	}
	l.present, err = r.adopt(ctx, new(Progress))
	return l, err
}

// avoid learns what is about to go. No block may be looked up meanwhile.
func (l *lookup) avoid(g *gone) { l.gone = g }

// find gives the address of a block.
func (l *lookup) find(ctx context.Context, id block.ID) (at format.Address, ok bool) {
	l.mu.Lock()
	at, ok = l.fresh[id]
	l.mu.Unlock()
	if ok || l.repo.table == nil {
		return at, ok
	}
	ok = l.repo.table.Lookup(id, func(a format.Address) bool {
		at = a
		return l.present[a.Pack] && !l.gone.has(a) && l.repo.holds(ctx, a, id)
	})
	return at, ok
}

// holds tells whether the pack's own trailer says that the block with that ID lies there.
func (r *Repository) holds(ctx context.Context, a format.Address, id block.ID) bool {
	got, err := r.blockID(ctx, a)
	return err == nil && got == id
}

// blockID gives the ID of the block at an address, from the pack's trailer or from bundles.
func (r *Repository) blockID(ctx context.Context, a format.Address) (block.ID, error) {
	ids, err := r.packs.IDs(ctx, a.Pack)
	if err != nil {
		return block.ID{}, err
	}
	if int(a.Slot) < len(ids) && ids[a.Slot] != (block.ID{}) {
		return ids[a.Slot], nil
	}
	rd, err := r.packs.Reader(ctx, a.Pack)
	if err == nil && !rd.Has(a.Slot) {
		err = fmt.Errorf("pack %v has no slot %d, or no more: %w", a.Pack, a.Slot, pack.ErrMissing)
	}
	if err == nil { // the block is there, its ID is lost
		err = fmt.Errorf("pack %v does not tell the ID of slot %d: %w", a.Pack, a.Slot, ErrCorrupt)
	}
	return block.ID{}, err
}

// add notes a block that was stored.
func (l *lookup) add(id block.ID, at format.Address) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fresh[id] = at
}

// seal notes that a pack is in the repository, and spills when there is much to spill.
func (l *lookup) seal(p format.PackID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sealed[p] = true
	if len(l.fresh) < spillAt/max(1, int(l.repo.writers.Load())) {
		return nil
	}
	return l.spill(nil, nil)
}

// spill writes a segment of what lies in sealed packs, and of the map nodes and the point that the caller adds, and
// forgets the former. The caller holds mu.
func (l *lookup) spill(entries []table.Entry, points []table.Point) error {
	if l.repo.table == nil {
		return nil
	}
	for id, at := range l.fresh {
		if l.sealed[at.Pack] {
			entries = append(entries, entry(id, at))
			delete(l.fresh, id)
		}
	}
	clear(l.sealed)
	return l.repo.writeSegment(entries, points)
}

func entry(id block.ID, at format.Address) table.Entry {
	return table.Entry{Key: [16]byte(id[:16]), At: at}
}

func (r *Repository) writeSegment(entries []table.Entry, points []table.Point) error {
	if _, err := table.Write(r.tableDir, entries, points); err != nil {
		return fmt.Errorf("table: %w", err)
	}
	if err := r.table.Refresh(); err != nil {
		return fmt.Errorf("table: %w", err)
	}
	return nil
}
