package index

import (
	"context"
	"fmt"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/pack"
)

// A lookup answers one writer where a block is that the repository has already: what the writers of this Repository have
// just stored the shelf knows; what the table proposes, and what of the shelf is durable, counts only when the pack's trailer
// says the same.
type lookup struct {
	repo    *Repository
	present map[format.PackID]bool // when the session began
	gone    *gone                  // as of then, until W2 knows better

	since map[format.PackID]bool // packs that became durable since; guarded by the shelf's mu
	hopes map[*newPack]bool      // packs that are named and not durable, or lost; guarded by the shelf's mu
}

// newLookup begins to look up, in a session that is open: what is there now can go only by a collection that W2 will see.
// What is kept from before the session may be there no more. To be ended.
func newLookup(ctx context.Context, r *Repository) (*lookup, error) {
	l := &lookup{repo: r, since: map[format.PackID]bool{}, hopes: map[*newPack]bool{}}
	if err := l.start(ctx); err != nil {
		l.end()
		return nil, err
	}
	return l, nil
}

// start joins the shelf between the listing of gc/ and that of packs: so that each pack is listed, or of the shelf, or was
// made durable by another writer meanwhile and stays unknown.
func (l *lookup) start(ctx context.Context) (err error) {
	r := l.repo
	if l.gone, err = r.gone(ctx); err != nil {
		return err
	}
	r.shelf.join(l)
	r.packs.ForgetAll()
	if r.table == nil {
		return nil
	}
	if err := r.table.Refresh(); err != nil {
		return fmt.Errorf("table: %w", err)
	}
	l.present, err = r.adopt(ctx, new(Progress))
	return err
}

// end says that the writer is at work no more.
func (l *lookup) end() { l.repo.shelf.leave(l) }

// avoid learns what is about to go. No block may be looked up meanwhile.
func (l *lookup) avoid(g *gone) { l.gone = g }

// find gives the address of a block.
func (l *lookup) find(ctx context.Context, id block.ID) (at format.Address, ok bool) {
	if at, ok = l.shelved(ctx, id); !ok {
		at, ok = l.proposed(ctx, id)
	}
	return at, ok
}

// findOrClaim gives the address of a block. When there is none the caller has to store the block, and then to release it:
// those who look for it meanwhile wait.
func (l *lookup) findOrClaim(ctx context.Context, id block.ID) (at format.Address, ok bool, err error) {
	for {
		seen, ok := l.shelved(ctx, id)
		if ok {
			return seen, true, nil
		}
		if at, ok = l.proposed(ctx, id); ok {
			return at, true, nil
		}
		wait := l.repo.shelf.claim(id, seen)
		if wait == nil {
			return at, false, nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return at, false, ctx.Err()
		}
	}
}

// shelved gives where the shelf has a block, and whether that counts for this writer.
func (l *lookup) shelved(ctx context.Context, id block.ID) (at format.Address, ok bool) {
	at, open := l.repo.shelf.look(l, id)
	return at, open || at != (format.Address{}) && l.counts(ctx, at, id)
}

// proposed gives what the table proposes. It is asked after the shelf: what leaves that is in the table before.
func (l *lookup) proposed(ctx context.Context, id block.ID) (at format.Address, ok bool) {
	if l.repo.table == nil {
		return at, false
	}
	ok = l.repo.table.Lookup(id, func(a format.Address) bool {
		at = a
		return l.counts(ctx, a, id)
	})
	return at, ok
}

// counts tells whether a block lies at an address of a durable pack, and may be named.
func (l *lookup) counts(ctx context.Context, a format.Address, id block.ID) bool {
	return (l.present[a.Pack] || l.repo.shelf.isSince(l, a.Pack)) && !l.gone.has(a) && l.repo.holds(ctx, a, id)
}

// settle makes durable what this writer names of packs that were on their way. ErrCollected when one was lost.
func (l *lookup) settle() error {
	for _, p := range l.repo.shelf.hopesOf(l) {
		if err := p.seal(); err != nil {
			return fmt.Errorf("pack %v, which the point shares with that of another writer: %w: %w", p.id, ErrCollected, err)
		}
	}
	return nil
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
