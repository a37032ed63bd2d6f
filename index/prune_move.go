package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"

	"golang.org/x/sync/errgroup"

	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/pack"
)

// deadSlots gives the slots that go when objects are replaced by bundles of what is named of them, and the packs of which
// nothing stays. Those of packs that lie in bundles already are among them.
func (v *inventory) deadSlots(ctx context.Context, chosen []*holder) (slots []format.Address, gone []format.PackID, err error) {
	n := v.gone
	for _, h := range chosen {
		n += h.dead
	}
	slots = make([]format.Address, 0, n) // grown step by step they would be in memory twice
	note := func(id format.PackID, slot uint16) {
		if !v.live[id].has(slot) {
			slots = append(slots, format.Address{Pack: id, Slot: slot})
		}
	}
	for _, h := range chosen {
		if err := v.eachPart(ctx, h, func(rd *pack.Reader) error {
			id := rd.Header().ID
			if v.live[id] == nil {
				gone = append(gone, id)
				return nil
			}
			for slot := range rd.Len() {
				if rd.Has(uint16(slot)) {
					note(id, uint16(slot))
				}
			}
			return nil
		}); err != nil {
			return nil, nil, vanished(h.name(), err)
		}
	}
	for _, id := range v.left {
		n := format.MaxSlots
		if rd, err := pack.Open(ctx, v.r.store, v.r.ring, id); err == nil {
			n = rd.Len()
		} else if errors.Is(err, pack.ErrMissing) || !errors.Is(err, ErrCorrupt) { // a damaged one may have any slot
			return nil, nil, vanished(pack.Name(id), err)
		}
		for slot := range n {
			note(id, uint16(slot))
		}
	}
	slices.SortFunc(slots, format.Address.Compare)
	return slices.Compact(slots), gone, nil
}

// eachPart gives the readers of what an object holds: of the pack, or of each part of the bundle that moves name.
func (v *inventory) eachPart(ctx context.Context, h *holder, do func(*pack.Reader) error) error {
	if !h.bundle {
		rd, err := pack.Open(ctx, v.r.store, v.r.ring, h.id)
		if err != nil {
			return err
		}
		return do(rd)
	}
	b, err := pack.OpenBundle(ctx, v.r.store, v.r.ring, h.id)
	if err != nil {
		return err
	}
	for i, part := range b.Parts() {
		if !v.moves.Has(format.Move{Pack: part.Header.ID, Bundle: h.id}) {
			continue
		}
		rd, err := b.Reader(i)
		if err == nil {
			err = do(rd)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A mover fills bundles. Data and nodes of maps go into bundles of their own. It belongs to one goroutine.
type mover struct {
	p      *prune
	copier *pack.Copier
	open   *pack.Bundler
	most   int64     // bytes that the open bundle takes
	in     []carried // the open bundle

	// What came of it.
	moves   []carried // bundles that are durable
	copied  map[*holder]bool
	failed  map[*holder]bool
	bundles map[format.PackID]int64 // that are durable, with their sizes
	damaged []error
	short   error // no room
}

// A carried is the named slots of one pack, in a bundle. They count when all of the object that they come from is copied: it
// stays else, and no slot may have two homes.
type carried struct {
	from *holder
	move format.Move
}

func (p *prune) newMover() *mover {
	return &mover{p: p, copier: pack.NewCopier(), copied: map[*holder]bool{}, failed: map[*holder]bool{}, bundles: map[format.PackID]int64{}}
}

// move puts what is named of the chosen objects into bundles, says so, and deletes the objects. When there is no room for
// more, what is done already counts.
func (p *prune) move(ctx context.Context) error {
	p.leave(p.free(ctx))
	all := p.newMover()
	for _, tree := range []bool{false, true} {
		ofKind := slices.DeleteFunc(slices.Clone(p.chosen), func(h *holder) bool { return h.tree != tree })
		if err := p.moveAll(ctx, ofKind, all); err != nil {
			return err
		}
	}
	p.result.Damaged, p.result.Short = append(p.result.Damaged, all.damaged...), all.short
	return all.publish(ctx)
}

// leave takes objects out of what is moved, on a storage that runs full: those that are merely small, which would come to as many
// objects again and free nothing, and those for which there is room only when others have gone.
func (p *prune) leave(free int64) {
	if free/fits >= smallObject {
		return
	}
	p.chosen = slices.DeleteFunc(p.chosen, func(h *holder) bool {
		late := h.live > free/2
		p.result.More = p.result.More || late
		return h.slots > 0 && !h.must && (late || h.unused() == 0)
	})
}

// handful is for how many bytes to be moved there is one more goroutine: each may leave a bundle that is not full.
const handful = 32 << 20

// moveAll moves objects on several cores, when there is much to move, and adds what came of it to all.
func (p *prune) moveAll(ctx context.Context, holders []*holder, all *mover) error {
	var bytes int64
	for _, h := range holders {
		bytes += h.live
	}
	hands := make([]*mover, min(int64(runtime.GOMAXPROCS(0)), 1+bytes/handful))
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for i := range hands {
		m := p.newMover()
		hands[i] = m
		g.Go(func() error { return m.run(ctx, holders, &next) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, m := range hands {
		all.add(m)
	}
	return nil
}

// run moves the objects from next on, which it shares with other movers.
func (m *mover) run(ctx context.Context, holders []*holder, next *atomic.Int64) error {
	for i := next.Add(1) - 1; i < int64(len(holders)) && m.short == nil; i = next.Add(1) - 1 {
		if err := m.holder(ctx, holders[i]); err != nil {
			return errors.Join(err, m.abort())
		}
	}
	if err := m.seal(); err != nil {
		return errors.Join(err, m.abort())
	}
	return nil
}

// add takes over what came of another mover.
func (m *mover) add(o *mover) {
	m.moves = append(m.moves, o.moves...)
	maps.Copy(m.copied, o.copied)
	maps.Copy(m.failed, o.failed)
	maps.Copy(m.bundles, o.bundles)
	m.damaged = append(m.damaged, o.damaged...)
	m.short = cmp.Or(m.short, o.short)
}

// holder copies the named slots of one object.
func (m *mover) holder(ctx context.Context, h *holder) error {
	err := m.p.stock.eachPart(ctx, h, func(rd *pack.Reader) error {
		live := m.p.stock.live[rd.Header().ID]
		slots, bytes := 0, int64(0)
		for slot := range rd.Len() {
			if live.has(uint16(slot)) && rd.Has(uint16(slot)) {
				slots, bytes = slots+1, bytes+rd.Stored(uint16(slot))
			}
		}
		if slots == 0 {
			return nil
		}
		if err := m.room(ctx, slots, bytes); err != nil {
			return err
		}
		m.in = append(m.in, carried{h, format.Move{Pack: rd.Header().ID, Bundle: m.open.ID()}})
		m.p.o.Progress.Moved.Add(bytes)
		return m.copier.Copy(ctx, rd, m.open, live.has)
	})
	switch {
	case err == nil:
		m.copied[h] = true
	case errors.Is(err, pack.ErrMissing):
		return vanished(h.name(), err)
	case errors.Is(err, ErrCorrupt): // the bundle is whole all the same: slots are opened before they are added
		m.failed[h] = true
		m.damaged = append(m.damaged, fmt.Errorf("%s is left alone: %w", h.name(), err))
		return nil
	case full(err):
		m.short = err
		m.failed[h] = true
		return m.abort()
	}
	return err
}

// full tells whether a write failed for want of room.
func full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// room sees to an open bundle that takes so many slots of so many bytes.
func (m *mover) room(ctx context.Context, slots int, bytes int64) (err error) {
	if m.open != nil && (!m.open.Takes(slots, bytes) || m.open.Len() > 0 && m.open.Size()+bytes > m.most) {
		if err := m.seal(); err != nil {
			return err
		}
	}
	if m.open == nil {
		m.most = m.p.free(ctx) / fits
		m.open, err = pack.CreateBundle(ctx, m.p.r.store, m.p.r.ring)
	}
	return err
}

// fits is how many bundles there is to be room for: some are whole then before there is no room for more, and what they replace
// can go.
const fits = 8

// free is how many bytes the storage has left, as far as it tells.
func (p *prune) free(ctx context.Context) int64 {
	if s, ok := p.r.store.(interface {
		Free(ctx context.Context) (int64, error)
	}); ok {
		if free, err := s.Free(ctx); err == nil {
			return free
		}
	}
	return math.MaxInt64
}

// seal makes the open bundle durable. Without room it is given up.
func (m *mover) seal() error {
	if m.open == nil {
		return nil
	}
	b := m.open
	err := b.Seal()
	if full(err) {
		m.short = err
		return m.abort()
	}
	m.open = nil
	if err != nil {
		return err
	}
	if b.Len() > 0 {
		m.moves = append(m.moves, m.in...)
		m.bundles[b.ID()] = b.Size()
	}
	m.in = m.in[:0]
	return nil
}

// abort gives the open bundle up, and with it the objects that have slots in it.
func (m *mover) abort() error {
	for _, c := range m.in {
		m.failed[c.from] = true
	}
	m.in = m.in[:0]
	if m.open == nil {
		return nil
	}
	b := m.open
	m.open = nil
	return b.Abort()
}

// publish records the moves, then deletes what they replace. The record also keeps a collection that began before, and
// sleeps, from recording its own: it would name bundles that are taken for orphans here.
func (m *mover) publish(ctx context.Context) error {
	p := m.p
	done := slices.DeleteFunc(slices.Clone(p.chosen), func(h *holder) bool { return !m.done(h) })
	if len(done) == 0 && !p.mustFence() {
		p.result.Moved = 0
		return errors.Join(m.count(ctx), p.dropLeft(ctx))
	}
	replaced := map[format.PackID]bool{}
	for _, h := range done {
		if h.bundle {
			replaced[h.id] = true
		}
	}
	next := format.Moves{Bad: p.stock.moves.Bad, Moved: m.counting()}
	for _, old := range p.stock.moves.Moved {
		if !replaced[old.Bundle] {
			next.Moved = append(next.Moved, old)
		}
	}
	if err := p.r.putMoves(ctx, p.stock.moves.N, &next); err != nil {
		return err
	}
	p.recorded, p.result.Moved = true, 0
	sizes := map[string]int64{}
	for _, h := range done {
		sizes[h.name()] = h.size
		p.result.Moved += h.live
	}
	return errors.Join(p.drop(ctx, sizes), m.count(ctx), p.dropLeft(ctx))
}

// counting gives the moves of objects that are copied whole.
func (m *mover) counting() (out []format.Move) {
	for _, c := range m.moves {
		if m.done(c.from) {
			out = append(out, c.move)
		}
	}
	return out
}

// count counts the bundles, and deletes those of which nothing counts.
func (m *mover) count(ctx context.Context) error {
	counts := map[format.PackID]bool{}
	for _, move := range m.counting() {
		counts[move.Bundle] = true
	}
	for id, size := range m.bundles {
		if counts[id] {
			res := m.p.result
			res.Bundles, res.Objects, res.Freed = res.Bundles+1, res.Objects+1, res.Freed-size
		} else if err := ignoreMissing(m.p.r.store.Delete(ctx, pack.BundleName(id))); err != nil {
			return fmt.Errorf("collect: %w", err)
		}
	}
	return nil
}

// done tells whether all that is named of an object lies in bundles that are sealed.
func (m *mover) done(h *holder) bool { return !m.failed[h] && (m.copied[h] || h.slots == 0) }

// mustFence tells whether there is a collection that was interrupted and might still record its moves.
func (p *prune) mustFence() bool {
	return slices.ContainsFunc(p.before, func(c *collection) bool { return c.done == nil && uint64(p.stock.moves.N) == c.Moves })
}

// dropLeft deletes packs whose named slots lie in bundles.
func (p *prune) dropLeft(ctx context.Context) error {
	return p.drop(ctx, p.sizes(p.stock.left))
}

// putMoves records moves that replace those of number n, whose records it deletes. ErrCollecting when somebody else
// recorded some since.
func (r *Repository) putMoves(ctx context.Context, n int, m *format.Moves) error {
	slices.SortFunc(m.Moved, format.Move.Compare)
	m.Moved = slices.Compact(m.Moved)
	err := r.makingRoom(ctx, func() error { return r.put(ctx, format.KindMoves, pack.MovesName(n+1), m) })
	if errors.Is(err, object.ErrExists) {
		return fmt.Errorf("moves were recorded meanwhile: %w", ErrCollecting)
	}
	if err != nil {
		return fmt.Errorf("record moves: %w", err)
	}
	for info, err := range r.store.List(ctx, movesFolder) {
		if err != nil {
			return fmt.Errorf("list moves: %w", err)
		}
		if info.Name >= pack.MovesName(n+1) {
			break
		}
		if err := ignoreMissing(r.store.Delete(ctx, info.Name)); err != nil && !errors.Is(err, ErrAppendOnly) { // it counts no more
			return fmt.Errorf("drop old moves: %w", err)
		}
	}
	return nil
}
