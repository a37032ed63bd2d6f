package index

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"vbfs/index/format"
	"vbfs/index/pack"
)

// replace sees to damaged packs and bundles whose damage is not only of blocks that were healed: what maps name of them goes
// into bundles, and then nobody needs them.
func (p *repair) replace(ctx context.Context) error {
	for id := range p.v.damaged {
		o := p.v.stored[id]
		if o == nil || !p.hasOther(o) {
			continue
		}
		cures, err := p.rest(ctx, o)
		if err != nil {
			return err
		}
		if cures == nil {
			continue
		}
		p.replaced[id] = true
		for at, c := range cures {
			p.cures[at] = c
		}
	}
	return nil
}

// hasOther tells whether something is wrong with an object that the cures do not mend.
func (p *repair) hasOther(o *storedObject) bool {
	for _, q := range p.v.problems {
		if q.Object == o.name && !p.cured(q) {
			return true
		}
	}
	return false
}

// cured tells whether a problem is that of a block that was healed.
func (p *repair) cured(q *Problem) bool {
	at, ok := p.slots[q]
	return ok && p.cures[at] != nil
}

// rest gives cures for all that maps name of an object and that was not healed: by itself. It is nil when some of it is lost,
// or nothing is named.
func (p *repair) rest(ctx context.Context, o *storedObject) (map[format.Address]*cure, error) {
	packs := []format.PackID{o.id}
	if o.bundle {
		packs = p.packsIn(o.id)
	}
	cures := map[format.Address]*cure{}
	any := false
	for _, id := range packs {
		for slot := range len(p.wanted.named[id]) * 64 {
			at := format.Address{Pack: id, Slot: uint16(slot)}
			if !p.wanted.named.has(at) {
				continue
			}
			any = true
			c, err := p.itself(ctx, o, at)
			if err != nil {
				if !errors.Is(err, ErrCorrupt) {
					return nil, err
				}
				return nil, nil
			}
			if c != nil {
				cures[at] = c
			}
		}
	}
	if !any && !o.bundle {
		return nil, nil
	}
	return cures, nil
}

// packsIn gives the packs that a bundle has slots of.
func (p *repair) packsIn(bundle format.PackID) (out []format.PackID) {
	for _, m := range p.moves.Moved {
		if m.Bundle == bundle {
			out = append(out, m.Pack)
		}
	}
	return out
}

// itself heals a block that can be read by what is read. It gives none for one that was healed, or that lies in an object
// beside o.
func (p *repair) itself(ctx context.Context, o *storedObject, at format.Address) (*cure, error) {
	if p.cures[at] != nil {
		return nil, nil
	}
	if beside, err := p.beside(ctx, o, at); beside || err != nil {
		return nil, err
	}
	b, err := p.r.packs.Block(ctx, at)
	if err != nil {
		return nil, err
	}
	rd, err := p.r.packs.Reader(ctx, at.Pack)
	if err != nil {
		return nil, err
	}
	sum := p.r.ring.Blocks()
	if rd.Header().Kind == format.KindTree {
		sum = p.r.ring.Nodes()
	}
	read := func(ctx context.Context) ([]byte, error) { return p.r.packs.Block(ctx, at) }
	return &cure{kind: rd.Header().Kind, id: sum.Sum(b), read: read, moved: true}, nil
}

// beside tells whether a block can be read where nobody looks into o: in its pack, or in a bundle. Objects that are damaged,
// too, do not count: they may be replaced as well.
func (p *repair) beside(ctx context.Context, o *storedObject, at format.Address) (bool, error) {
	if o.bundle {
		if _, damaged := p.v.damaged[at.Pack]; damaged {
			return false, nil
		}
		rd, err := pack.Open(ctx, p.r.store, p.r.ring, at.Pack)
		if err != nil {
			return false, ignoreDamage(err)
		}
		_, err = rd.Block(ctx, p.r.packs.Decoder(), at.Slot)
		return err == nil, ignoreDamage(err)
	}
	for _, id := range p.moves.Bundles(at.Pack) {
		if _, damaged := p.v.damaged[id]; damaged {
			continue
		}
		b, err := p.r.packs.Bundle(ctx, id)
		if errors.Is(err, ErrCorrupt) {
			continue
		}
		if err != nil {
			return false, err
		}
		if p.holds(ctx, b, at) {
			return true, nil
		}
	}
	return false, nil
}

// holds tells whether a bundle has a block, readable.
func (p *repair) holds(ctx context.Context, b *pack.Bundle, at format.Address) bool {
	for i, part := range b.Parts() {
		if part.Header.ID != at.Pack {
			continue
		}
		rd, err := b.Reader(i)
		if err != nil || !rd.Has(at.Slot) {
			continue
		}
		if _, err := rd.Block(ctx, p.r.packs.Decoder(), at.Slot); err == nil {
			return true
		}
	}
	return false
}

// mendMoves makes the record of moves anew from the bundles when the one that counts is damaged: without it nothing that was
// moved can be read.
func (p *repair) mendMoves(ctx context.Context) error {
	_, err := p.r.packs.Moves(ctx)
	if !errors.Is(err, ErrCorrupt) {
		return err
	}
	name := ""
	for info, err := range p.r.store.List(ctx, movesFolder) {
		if err != nil {
			return fmt.Errorf("list moves: %w", err)
		}
		name = info.Name
	}
	n, numberErr := strconv.Atoi(strings.TrimPrefix(name, movesFolder+"/"))
	if numberErr != nil {
		return err
	}
	f := &Finding{Problem: Problem{Object: pack.MovesName(n), What: err}, Healed: true, By: []string{"what the bundles say"}}
	p.result.Findings = append(p.result.Findings, f)
	bundles, err := p.r.storedBundles(ctx)
	if err != nil {
		return err
	}
	next := &format.Moves{}
	for id := range bundles {
		b, err := pack.OpenBundle(ctx, p.r.store, p.r.ring, id)
		if errors.Is(err, ErrCorrupt) {
			continue
		}
		if err != nil {
			return err
		}
		for _, part := range b.Parts() {
			next.Moved = append(next.Moved, format.Move{Pack: part.Header.ID, Bundle: id})
		}
	}
	if p.o.DryRun {
		return errDry
	}
	if err := p.r.putMoves(ctx, n, next); err != nil {
		return err
	}
	_, err = p.r.packs.Moves(ctx)
	return err
}
