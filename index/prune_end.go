package index

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"vbfs/index/format"
	"vbfs/index/pack"
	"vbfs/index/table"
)

// tablePart is which part of all bytes has to go before the table is written anew: what it names falsely costs a look.
const tablePart = 10

// shrinkTable drops from the table what is gone, when that is much. The table is a cache: without room it stays as it is.
func (p *prune) shrinkTable(ctx context.Context) error {
	var all int64
	for _, size := range p.stock.packs {
		all += size
	}
	for _, size := range p.stock.bundles {
		all += size
	}
	if p.r.table == nil || p.result.Freed*tablePart < all {
		return nil
	}
	live := p.stock.live
	keep := table.Keep{
		Address: func(a format.Address) bool {
			return live.has(a) || p.stock.spared[a.Pack.Mark()] || live[a.Pack] == nil && !p.went(a.Pack)
		},
		Point: func(id format.UUID) bool { return p.marker.points[id] },
	}
	if err := p.r.table.Merge(ctx, keep); err != nil && !full(err) {
		return fmt.Errorf("table: %w", err)
	}
	return nil
}

// went tells whether a pack was listed, so that it went when nothing names it and it is no writer's.
func (p *prune) went(id format.PackID) bool {
	_, listed := p.stock.packs[id]
	return listed
}

// end takes collections out of gc/ that nobody needs any more: this one, and those that stood before.
func (p *prune) end(ctx context.Context) error {
	claim, mine := p.mine[0], p.mine[1:]
	for _, id := range mine {
		if err := p.finish(ctx, id); err != nil {
			return err
		}
	}
	if err := ignoreMissing(p.r.store.Delete(ctx, gcName(claim))); err != nil {
		return fmt.Errorf("end collection: %w", err)
	}
	for _, c := range p.before {
		if c.done == nil && p.harmless(c) {
			if err := p.finish(ctx, c.id); err != nil {
				return err
			}
		}
	}
	if err := p.clear(ctx); err != nil {
		return err
	}
	if !p.o.Reserve {
		return nil
	}
	return p.r.keepReserve(ctx)
}

// finish says that a collection has dropped what it would, and who was at work.
func (p *prune) finish(ctx context.Context, id format.UUID) error {
	slices.SortFunc(p.sessions, format.UUID.Compare)
	end := &format.Collected{Sessions: p.sessions}
	name := gcName(id) + collectedSuffix
	err := p.r.makingRoom(ctx, func() error { return ignoreExists(p.r.put(ctx, format.KindCollected, name, end)) })
	if err != nil {
		return fmt.Errorf("end collection: %w", err)
	}
	return nil
}

// harmless tells whether an interrupted collection can do no harm any more, should its process wake up: what it would
// delete is gone, and it can record no moves.
func (p *prune) harmless(c *collection) bool {
	if len(c.Slots) > 0 && uint64(p.stock.moves.N) == c.Moves && !p.recorded {
		return false
	}
	there := func(id format.PackID) bool { return p.stock.packs[id] > 0 && !p.dropped[pack.Name(id)] }
	return !slices.ContainsFunc(c.Packs, there) && !slices.ContainsFunc(c.Slots, func(a format.Address) bool { return there(a.Pack) })
}

// haunt notes what an interrupted collection may still delete. When some of it is named again it has to be moved, so that
// the collection becomes harmless.
func (v *inventory) haunt(c *collection) {
	if v.haunted == nil {
		v.haunted = map[format.PackID]bool{}
	}
	for _, id := range c.Packs {
		v.haunted[id] = true
	}
	for _, a := range c.Slots {
		v.haunted[a.Pack] = true
	}
}

// clear removes the collections whose writers have all ended, and ends of collections that are gone.
func (p *prune) clear(ctx context.Context) error {
	all, err := p.r.collections(ctx)
	if err != nil {
		return err
	}
	sessions, err := p.r.Sessions(ctx)
	if err != nil {
		return err
	}
	stands := map[format.UUID]bool{}
	for _, c := range all {
		stands[c.id] = c.done == nil || slices.ContainsFunc(sessions, func(s *format.Session) bool {
			_, seen := slices.BinarySearchFunc(c.done.Sessions, s.Point, format.UUID.Compare)
			return seen
		})
	}
	for info, err := range p.r.store.List(ctx, gcFolder) {
		if err != nil {
			return fmt.Errorf("list collections: %w", err)
		}
		digits := strings.TrimSuffix(strings.TrimPrefix(info.Name, gcFolder+"/"), collectedSuffix)
		id, err := format.ParseUUID(digits)
		if err != nil || stands[id] {
			continue
		}
		if _, known := stands[id]; !known && !strings.HasSuffix(info.Name, collectedSuffix) {
			continue // began since
		}
		if err := ignoreMissing(p.r.store.Delete(ctx, info.Name)); err != nil {
			return fmt.Errorf("end collection: %w", err)
		}
	}
	return nil
}
