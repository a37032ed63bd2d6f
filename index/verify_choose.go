package index

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"vbfs/index/format"
	"vbfs/index/pack"
)

// An instant is in nanoseconds since 1970.
type instant = int64

// What is older than all instants, and what is younger: of what was never verified, and of what names no pack.
const (
	never   instant = math.MinInt64
	nothing instant = math.MaxInt64
)

// remember reads what was verified before, and where packs were moved to.
func (v *verifier) remember(ctx context.Context) error {
	var err error
	if v.before, err = v.r.lastVerified(ctx); err != nil && !unreadable(err) {
		return err
	}
	v.moves, err = v.r.packs.Moves(ctx)
	if unreadable(err) { // which is named among the small objects, and whom it hurts by the maps' own turn
		v.moves, err = new(pack.Moves), nil
	}
	return err
}

// unreadable tells of an object that is damaged, or says of itself that it is of a later release: a flipped bit does.
func unreadable(err error) bool { return errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNewer) }

// choose decides what is read in full.
func (v *verifier) choose(ctx context.Context) error {
	var used []*storedObject
	for _, o := range v.stored {
		if o.used {
			used = append(used, o)
			o.read = v.o.ReadData != nil && v.o.ReadData(o.id)
		}
	}
	v.chooseShare(used)
	for _, o := range used {
		if o.read || !v.o.reading() {
			v.o.Progress.Total.Add(o.size)
		}
	}
	return ctx.Err()
}

// chooseShare takes what was verified least recently first, so that the same share again and again comes by everything.
func (v *verifier) chooseShare(used []*storedObject) {
	var all int64
	at := map[format.PackID]instant{}
	for _, o := range used {
		all += o.size
		at[o.id] = never
	}
	for _, s := range v.before.Packs {
		at[s.ID] = s.At.UnixNano()
	}
	slices.SortFunc(used, func(a, b *storedObject) int {
		return cmp.Or(cmp.Compare(at[a.id], at[b.id]), a.id.Compare(b.id))
	})
	want := int64(math.Ceil(v.o.Share * float64(all)))
	for _, o := range used {
		if want <= 0 && v.o.Share < 1 {
			return
		}
		o.read = true
		want -= o.size
	}
}

// inspected notes whether an object was found whole.
func (v *verifier) inspected(o *storedObject, sound bool, begun time.Time) {
	v.o.Progress.Seen.Add(o.size)
	if o.read {
		v.o.Progress.Packs.Add(1)
		v.o.Progress.Read.Add(o.size)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case !sound:
		v.damaged[o.id] = time.Now().UTC()
	case o.read:
		v.good[o.id] = begun.UTC()
	}
}

// suspect notes that a pack, which its own turn did not find fault with, does not hold what a map says. Points that were
// walked before may name it, too: if it was taken for good, none of them is told to be whole this time.
func (v *verifier) suspect(p format.PackID) {
	v.doubt = v.doubt || v.since(p) != never
	for _, o := range v.homes(p) {
		if _, ok := v.good[o.id]; !ok {
			v.damaged[o.id] = time.Now().UTC()
		}
	}
}

// stamp notes as of when packs and bundles are known to be whole, now that they had their turn.
func (v *verifier) stamp() {
	v.stamps = map[format.PackID]instant{}
	for _, s := range v.before.Packs {
		v.stamps[s.ID] = s.At.UnixNano()
	}
	for id, at := range v.good {
		v.stamps[id] = at.UnixNano()
	}
	for id := range v.damaged {
		delete(v.stamps, id)
	}
}

// since gives as of when the slots of a pack are known to be whole.
func (v *verifier) since(p format.PackID) instant {
	homes := v.homes(p)
	if len(homes) == 0 {
		return never
	}
	oldest := nothing
	for _, o := range homes {
		at, ok := v.stamps[o.id]
		if !ok {
			return never
		}
		oldest = min(oldest, at)
	}
	return oldest
}
