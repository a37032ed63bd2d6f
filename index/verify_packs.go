package index

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/imagemap"
	"vbfs/index/pack"
)

// listPacks chooses every pack that is there.
func (v *verifier) listPacks(ctx context.Context) error {
	packs, foreign, err := v.r.storedPacks(ctx)
	if err != nil {
		return err
	}
	for _, name := range foreign {
		v.add(name, fmt.Errorf("not the name of a pack: %w", ErrCorrupt))
	}
	v.packs = map[format.PackID]bool{}
	for _, s := range packs {
		v.packs[s.id] = true
	}
	v.o.Progress.expect(packs)
	return nil
}

// findUsed chooses the packs that the chosen points name. What it cannot walk the maps' own turn will tell of.
func (v *verifier) findUsed(ctx context.Context) error {
	v.packs = map[format.PackID]bool{}
	for _, m := range v.points {
		for i := range m.Disks {
			im, err := v.r.Image(m, m.Disks[i].Name)
			if err != nil {
				continue
			}
			visit := func(_ uint8, _ int64, c format.Child) (bool, error) { v.packs[c.At.Pack] = true; return true, nil }
			run := func(r imagemap.Run) error { v.packs[r.At.Pack] = true; return nil }
			if err := im.tree.Walk(ctx, visit, run); err != nil && !errors.Is(err, ErrCorrupt) {
				return err
			}
		}
	}
	return nil
}

// verifyPacks verifies the chosen packs, one a core.
func (v *verifier) verifyPacks(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for id := range v.packs {
		g.Go(func() error {
			v.r.packs.Forget(id)
			return v.verifyPack(ctx, id)
		})
	}
	return g.Wait()
}

// verifyPack verifies one pack past the caches. Whatever hinders the reading of it is damage; only an ended context is an
// error.
func (v *verifier) verifyPack(ctx context.Context, id format.PackID) error {
	rd, err := pack.Open(ctx, v.r.store, v.r.ring, id)
	if err != nil {
		v.badAll(ctx, id, err)
		return ctx.Err()
	}
	defer v.o.Progress.Done.Add(rd.Size())
	if err := rd.CheckFront(ctx); err != nil && ctx.Err() == nil {
		v.add(pack.Name(id), err) // which reading does without
	}
	ids, err := rd.IDs(ctx)
	if err != nil && ctx.Err() == nil {
		v.add(pack.Name(id), err) // which reading does without, too
	}
	if v.o.ReadData == nil || !v.o.ReadData(id) {
		return ctx.Err()
	}
	sum := v.r.ring.Blocks()
	if rd.Header().Kind == format.KindTree {
		sum = v.r.ring.Nodes()
	}
	return v.readSlots(ctx, rd, sum, ids)
}

// readSlots reads every block of a pack, and compares it with its ID when there are IDs.
func (v *verifier) readSlots(ctx context.Context, rd *pack.Reader, sum *block.Summer, ids []block.ID) error {
	for slot := range rd.Len() {
		b, err := rd.Block(ctx, v.r.packs.Decoder(), uint16(slot))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil && ids != nil && sum.Sum(b) != ids[slot] {
			err = fmt.Errorf("slot %d has another ID than the trailer says: %w", slot, ErrCorrupt)
		}
		if err != nil {
			v.badSlot(format.Address{Pack: rd.Header().ID, Slot: uint16(slot)}, err)
		}
	}
	return nil
}

// badAll records that nothing of a pack can be read.
func (v *verifier) badAll(ctx context.Context, id format.PackID, err error) *Problem {
	if ctx.Err() != nil {
		return nil
	}
	p := v.add(pack.Name(id), err)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.bad[id] = &badPack{all: p}
	return p
}

// badSlot records that a block cannot be read, once.
func (v *verifier) badSlot(a format.Address, err error) *Problem {
	if p := v.badAt(a); p != nil {
		return p
	}
	p := v.add(pack.Name(a.Pack), err)
	v.mu.Lock()
	defer v.mu.Unlock()
	b := v.bad[a.Pack]
	if b == nil {
		b = &badPack{slots: map[uint16]*Problem{}}
		v.bad[a.Pack] = b
	}
	b.slots[a.Slot] = p
	return p
}

// badAt gives the problem at an address, nil for none.
func (v *verifier) badAt(a format.Address) *Problem {
	v.mu.Lock()
	defer v.mu.Unlock()
	b := v.bad[a.Pack]
	switch {
	case b == nil:
		return nil
	case b.all != nil:
		return b.all
	}
	return b.slots[a.Slot]
}
