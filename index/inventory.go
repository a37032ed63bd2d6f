package index

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"vbfs/index/format"
	"vbfs/index/pack"
)

// A holder is an object that holds slots: a pack or a bundle.
type holder struct {
	id     format.PackID
	bundle bool
	tree   bool
	size   int64 // of the object, bytes
	live   int64 // bytes of blocks that are named, and how many these are
	slots  int
	dead   int  // slots that nothing names
	must   bool // be moved: a collection that was interrupted condemns it
}

func (h *holder) name() string {
	if h.bundle {
		return pack.BundleName(h.id)
	}
	return pack.Name(h.id)
}

// unused is what of the object nobody needs, bytes; the trailer counts by the part of the slots.
func (h *holder) unused() int64 {
	if h.dead == 0 {
		return 0
	}
	return max(0, h.size-h.live-slotOverhead*int64(h.slots))
}

// slotOverhead is what a live slot takes beside its block: block ID, slot.
const slotOverhead = format.IDSize + format.PartSlotSize

// An inventory is what objects hold, and what of it is named.
type inventory struct {
	r       *Repository
	live    marks
	moves   *pack.Moves
	spared  map[format.Mark]bool   // of writers at work
	haunted map[format.PackID]bool // packs that collections condemn which were interrupted
	packs   map[format.PackID]int64
	bundles map[format.PackID]int64

	mu      sync.Mutex      // guards all below while objects are looked at
	dead    []format.PackID // packs of which nothing is named
	left    []format.PackID // packs of which all that is named lies in bundles
	gone    int             // slots of these that nothing names
	holders []*holder       // packs and bundles of which something is named, and bundles of which nothing is
	damaged []error         // objects that do not open: left alone
}

// take looks at all packs and bundles that were listed.
func (v *inventory) take(ctx context.Context, p *PruneProgress) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2 * runtime.GOMAXPROCS(0)) // each mostly waits for the storage
	look := func(id format.PackID, size int64, at func(context.Context, format.PackID, int64) error) {
		g.Go(func() error {
			defer p.Packs.Add(1)
			return at(ctx, id, size)
		})
	}
	for id, size := range v.packs {
		look(id, size, v.pack)
	}
	for id, size := range v.bundles {
		look(id, size, v.bundle)
	}
	return g.Wait()
}

// pack looks at a pack. That of a writer at work stays as it is, also when others name some of it: what the writer names
// nobody knows yet.
func (v *inventory) pack(ctx context.Context, id format.PackID, size int64) error {
	live := v.live[id]
	if v.spared[id.Mark()] {
		return nil
	}
	if live == nil {
		v.with(func() { v.dead = append(v.dead, id) })
		return nil
	}
	all, err := v.lieInBundles(ctx, id, live)
	if err != nil {
		return err
	}
	rd, err := pack.Open(ctx, v.r.store, v.r.ring, id)
	if all && errors.Is(err, ErrCorrupt) && !errors.Is(err, pack.ErrMissing) { // damaged, and replaced
		v.with(func() { v.left, v.gone = append(v.left, id), v.gone+format.MaxSlots })
		return nil
	}
	if err != nil {
		return v.bad(pack.Name(id), err)
	}
	if all {
		v.with(func() { v.left, v.gone = append(v.left, id), v.gone+rd.Len()-live.count() })
		return nil
	}
	h := &holder{id: id, tree: rd.Header().Kind == format.KindTree, size: size, must: v.haunted[id]}
	for slot := range rd.Len() {
		if live.has(uint16(slot)) {
			h.live += rd.Stored(uint16(slot))
			h.slots++
		} else {
			h.dead++
		}
	}
	v.with(func() { v.holders = append(v.holders, h) })
	return nil
}

func (v *inventory) with(do func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	do()
}

// lieInBundles tells whether all named slots of a pack that is still there lie in bundles as well: a collection ended
// between the two.
func (v *inventory) lieInBundles(ctx context.Context, id format.PackID, live bits) (bool, error) {
	if len(v.moves.Bundles(id)) == 0 {
		return false, nil
	}
	rd, err := v.r.packs.Moved(ctx, id)
	if err != nil {
		return false, v.bad(pack.Name(id), err)
	}
	for slot := range len(live) * 64 {
		if live.has(uint16(slot)) && !rd.Has(uint16(slot)) {
			return false, nil
		}
	}
	return true, nil
}

func (v *inventory) bundle(ctx context.Context, id format.PackID, size int64) error {
	h := &holder{id: id, bundle: true, size: size}
	b, err := pack.OpenBundle(ctx, v.r.store, v.r.ring, id)
	if err != nil {
		return v.bad(h.name(), err)
	}
	for _, part := range b.Parts() {
		if !v.moves.Has(format.Move{Pack: part.Header.ID, Bundle: id}) {
			h.dead += len(part.Slots)
			continue
		}
		h.tree = h.tree || part.Header.Kind == format.KindTree
		live := v.live[part.Header.ID]
		for _, s := range part.Slots {
			if live.has(s.Number) {
				h.live += int64(s.Len)
				h.slots++
			} else {
				h.dead++
			}
		}
	}
	v.with(func() { v.holders = append(v.holders, h) })
	return nil
}

// bad leaves a damaged object alone: verify tells of it. One that is gone since it was listed another collection has taken.
func (v *inventory) bad(name string, err error) error {
	if errors.Is(err, pack.ErrMissing) || !errors.Is(err, ErrCorrupt) {
		return vanished(name, err)
	}
	v.with(func() { v.damaged = append(v.damaged, fmt.Errorf("%s is left alone: %w", name, err)) })
	return nil
}

func vanished(name string, err error) error {
	if errors.Is(err, pack.ErrMissing) {
		return fmt.Errorf("%s is gone: %w", name, ErrCollecting)
	}
	return err
}

// storedBundles lists the bundles.
func (r *Repository) storedBundles(ctx context.Context) (map[format.PackID]int64, error) {
	out := map[format.PackID]int64{}
	for info, err := range r.store.List(ctx, bundlesFolder) {
		if err != nil {
			return nil, fmt.Errorf("list bundles: %w", err)
		}
		id, err := format.ParsePackID(info.Name[strings.LastIndexByte(info.Name, '/')+1:])
		if err == nil && pack.BundleName(id) == info.Name {
			out[id] = info.Size
		}
	}
	return out, nil
}
