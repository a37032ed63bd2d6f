package index

import (
	"context"
	"errors"
	"slices"

	"vbfs/index/format"
	"vbfs/index/pack"
)

// shut notes a pack that does not open, or a bundle, to which this means nothing.
func (v *verifier) shut(id format.PackID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed[id] = true
}

// missing records that a block is not there: with its pack, or alone when bundles have others of it.
func (v *verifier) missing(ctx context.Context, a format.Address, err error) *Problem {
	if len(v.moves.Bundles(a.Pack)) == 0 {
		return v.badAll(ctx, a.Pack, err)
	}
	if ctx.Err() != nil {
		return nil
	}
	return v.badSlot(pack.Name(a.Pack), a, err)
}

// findReplaced notes the damaged packs that repair may have put bundles in the place of.
func (v *verifier) findReplaced(ctx context.Context) {
	v.replaced = map[format.PackID]*pack.Reader{}
	for id := range v.damaged {
		if o := v.stored[id]; o == nil || o.bundle || len(v.moves.Bundles(id)) == 0 {
			continue
		}
		if rd, err := v.r.packs.Moved(ctx, id); err == nil {
			v.replaced[id] = rd
		}
	}
}

// names notes that a map names n slots from an address on.
func (v *verifier) names(a format.Address, n int) {
	rd := v.replaced[a.Pack]
	if rd == nil {
		return
	}
	for i := range n {
		if !rd.Has(a.Slot + uint16(i)) {
			delete(v.replaced, a.Pack)
			return
		}
	}
}

// dropReplaced drops what is wrong with packs that nobody needs any more: all that the maps name of them lies in bundles. And
// what is marked and hurts no point that was looked at.
func (v *verifier) dropReplaced() {
	names := map[string]bool{}
	for id := range v.replaced {
		names[pack.Name(id)] = true
	}
	for id, o := range v.stored {
		if o.bundle && !v.moves.Names(id) {
			names[o.name] = true
		}
	}
	v.problems = slices.DeleteFunc(v.problems, func(p *Problem) bool {
		return (names[p.Object] || v.marked[p]) && len(p.Hurts) == 0
	})
}

// recall looks at the slots that repair marked as lost: those that are lost still nobody has to find again.
func (v *verifier) recall(ctx context.Context) error {
	v.marked = map[*Problem]bool{}
	for _, a := range v.moves.Bad {
		if v.badAt(a) != nil {
			continue
		}
		_, err := v.r.packs.Block(ctx, a)
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrCorrupt) {
			return err
		}
		if errors.Is(err, pack.ErrMissing) {
			v.marked[v.missing(ctx, a, err)] = true
		} else {
			v.marked[v.badSlot(pack.Name(a.Pack), a, err)] = true
		}
	}
	return ctx.Err()
}
