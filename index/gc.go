package index

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vbfs/index/format"
	"vbfs/index/imagemap"
	"vbfs/index/object"
	"vbfs/index/pack"
)

// A collection is one that stands in gc/: over or not.
type collection struct {
	id format.UUID
	format.Collection
	done *format.Collected // nil until it has dropped what it would
}

// collections lists what stands in gc/.
func (r *Repository) collections(ctx context.Context) ([]*collection, error) {
	var out []*collection
	for info, err := range r.store.List(ctx, gcFolder) {
		if err != nil {
			return nil, fmt.Errorf("list collections: %w", err)
		}
		if out, err = r.readCollection(ctx, info.Name, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// readCollection adds the object called name to those that come before it. One that went since it was listed has ended.
func (r *Repository) readCollection(ctx context.Context, name string, out []*collection) ([]*collection, error) {
	digits, isEnd := strings.CutSuffix(strings.TrimPrefix(name, gcFolder+"/"), collectedSuffix)
	id, err := format.ParseUUID(digits)
	if err != nil {
		return nil, fmt.Errorf("%s is not the name of a collection: %w", name, err)
	}
	if isEnd {
		end := new(format.Collected)
		if err := r.get(ctx, format.KindCollected, name, end); err != nil {
			return out, ignoreMissing(err)
		}
		if last := len(out) - 1; last >= 0 && out[last].id == id {
			out[last].done = end
		}
		return out, nil
	}
	c := &collection{id: id}
	if err := r.get(ctx, format.KindCollection, name, &c.Collection); err != nil {
		return out, ignoreMissing(err)
	}
	return append(out, c), nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, object.ErrNotExist) {
		return nil
	}
	return err
}

// gone is what nothing new may name: what collections condemn, and slots whose bytes are lost.
type gone struct {
	collections []*collection
	moves       *pack.Moves
}

func (r *Repository) gone(ctx context.Context) (*gone, error) {
	all, err := r.collections(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, (*collection).condemnsNothing)
	m, err := r.packs.Moves(ctx)
	return &gone{all, m}, err
}

// none tells whether everything may be named.
func (g *gone) none() bool { return len(g.collections) == 0 && len(g.moves.Bad) == 0 }

// condemnsNothing tells of a collection that has only begun.
func (c *collection) condemnsNothing() bool { return len(c.Packs) == 0 && len(c.Slots) == 0 }

func (g *gone) has(a format.Address) bool {
	return g.moves.IsBad(a) || slices.ContainsFunc(g.collections, func(c *collection) bool { return c.Condemns(a) })
}

// notLost refuses a disk that names what is marked as lost.
func (g *gone) notLost(im *Image) error {
	if len(g.moves.Bad) == 0 {
		return nil
	}
	refuse := func(a format.Address, n int64) error {
		for i := range n {
			if at := (format.Address{Pack: a.Pack, Slot: a.Slot + uint16(i)}); g.moves.IsBad(at) {
				return fmt.Errorf("slot %d of pack %v is lost: %w", at.Slot, at.Pack, ErrCorrupt)
			}
		}
		return nil
	}
	visit := func(_ uint8, _ int64, c format.Child) (bool, error) { return true, refuse(c.At, 1) }
	run := func(r imagemap.Run) error { return refuse(r.At, r.N) }
	return im.tree.Walk(context.Background(), visit, run)
}

// hasAny tells whether any block of a run is gone.
func (g *gone) hasAny(run imagemap.Run) bool {
	for i := run.First; i < run.First+run.N; i++ {
		if g.has(run.Address(i)) {
			return true
		}
	}
	return false
}
