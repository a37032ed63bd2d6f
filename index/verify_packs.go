package index

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/imagemap"
	"vbfs/index/object"
	"vbfs/index/pack"
)

// A storedObject is a pack or a bundle that is there.
type storedObject struct {
	id     format.PackID
	name   string
	size   int64
	bundle bool
	used   bool // it is to be verified
	read   bool // every byte of it is
}

// noteStored takes a pack or bundle from a listing.
func (v *verifier) noteStored(info object.Info) error {
	id, err := format.ParsePackID(info.Name[strings.LastIndexByte(info.Name, '/')+1:])
	if err != nil || pack.Name(id) != info.Name && pack.BundleName(id) != info.Name {
		return fmt.Errorf("not the name of a pack: %w", ErrCorrupt)
	}
	v.stored[id] = &storedObject{id: id, name: info.Name, size: info.Size, bundle: pack.Name(id) != info.Name, used: v.o.Points == nil}
	return nil
}

// listStored notes the packs and bundles that are there.
func (v *verifier) listStored(ctx context.Context) error {
	for _, folder := range []string{packsFolder, bundlesFolder} {
		for info, err := range v.r.store.List(ctx, folder) {
			if err != nil {
				return fmt.Errorf("list %s: %w", folder, err)
			}
			v.noteStored(info) // what has no such name no point can name
		}
	}
	return nil
}

// findUsed chooses the packs and bundles that the chosen points name. What it cannot walk the maps' own turn will tell of.
func (v *verifier) findUsed(ctx context.Context) error {
	for _, m := range v.points {
		for i := range m.Disks {
			im, err := v.r.Image(m, m.Disks[i].Name)
			if err != nil {
				continue
			}
			visit := func(_ uint8, _ int64, c format.Child) (bool, error) { v.use(c.At.Pack); return true, nil }
			run := func(r imagemap.Run) error { v.use(r.At.Pack); return nil }
			if err := im.tree.Walk(ctx, visit, run); err != nil && !errors.Is(err, ErrCorrupt) {
				return err
			}
		}
	}
	return nil
}

func (v *verifier) use(p format.PackID) {
	for _, o := range v.homes(p) {
		o.used = true
	}
}

// homes gives the objects that hold the slots of a pack: the pack itself, or bundles. Those that are not there the maps'
// own turn will tell of.
func (v *verifier) homes(p format.PackID) (out []*storedObject) {
	if o := v.stored[p]; o != nil && !o.bundle && !v.closed[p] {
		return []*storedObject{o}
	}
	for _, b := range v.moves.Bundles(p) {
		if o := v.stored[b]; o != nil {
			out = append(out, o)
		}
	}
	return out
}

// verifyPacks verifies the chosen packs and bundles, one a core: more do not pay, as the kernel reads ahead.
func (v *verifier) verifyPacks(ctx context.Context) error {
	var todo []*storedObject
	for _, o := range v.stored {
		if o.used {
			todo = append(todo, o)
		}
	}
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range min(len(todo), runtime.GOMAXPROCS(0)) {
		g.Go(func() error {
			in := newInspector(v)
			for i := next.Add(1) - 1; i < int64(len(todo)); i = next.Add(1) - 1 {
				if err := in.inspect(ctx, todo[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// chunk is how many blocks are read at once: up to 512 KiB, which stay in the processor's cache until they are decoded.
const chunk = 8

// An inspector verifies packs and bundles, one after the other. It belongs to one goroutine.
type inspector struct {
	v             *verifier
	data, nodes   *block.Summer
	sealed, plain []byte
	o             *storedObject
	sound         bool  // nothing is wrong with o so far
	counted       int64 // bytes of o, as progress
}

func newInspector(v *verifier) *inspector {
	return &inspector{
		v: v, data: v.r.ring.Blocks(), nodes: v.r.ring.Nodes(),
		sealed: make([]byte, chunk*format.MaxBlock), plain: make([]byte, 0, block.Size+pack.Slack),
	}
}

// fail notes what is wrong with the object, and reading does without.
func (in *inspector) fail(err error) {
	in.sound = false
	in.v.add(in.o.name, err)
}

// without notes what is wrong with a section that reading does without. That the object is gone it gives back.
func (in *inspector) without(err error) error {
	if errors.Is(err, pack.ErrMissing) {
		return err
	}
	if err != nil {
		in.fail(err)
	}
	return nil
}

// inspect verifies one object past the caches. Whatever hinders the reading of it is damage; only an ended context is an
// error.
func (in *inspector) inspect(ctx context.Context, o *storedObject) error {
	in.o, in.sound, in.counted = o, true, 0
	begun := time.Now()
	var err error
	if o.bundle {
		err = in.bundle(ctx)
	} else {
		err = in.pack(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, pack.ErrMissing) && !in.v.isThere(ctx, o):
		return nil // deleted since it was listed: the maps' own turn tells whether anybody misses it
	case err != nil && (o.bundle || len(in.v.moves.Bundles(o.id)) > 0): // which of its slots bundles have, the maps' own turn tells
		in.fail(err)
		in.v.shut(o.id)
	case err != nil:
		in.sound = false
		in.v.badAll(ctx, o.id, err)
	}
	in.v.inspected(o, in.sound, begun)
	if o.read || !in.v.o.reading() {
		in.progress(o.size - in.counted)
	}
	return nil
}

// isThere asks the store again.
func (v *verifier) isThere(ctx context.Context, o *storedObject) bool {
	_, err := v.r.store.Stat(ctx, o.name)
	return !errors.Is(err, object.ErrNotExist)
}

func (in *inspector) pack(ctx context.Context) error {
	rd, err := pack.Open(ctx, in.v.r.store, in.v.r.ring, in.o.id)
	if err != nil {
		return err
	}
	ids, err := rd.IDs(ctx)
	if err := errors.Join(in.without(rd.CheckFront(ctx)), in.without(err)); err != nil {
		return err
	}
	return in.slots(ctx, rd, ids)
}

func (in *inspector) bundle(ctx context.Context) error {
	b, err := pack.OpenBundle(ctx, in.v.r.store, in.v.r.ring, in.o.id)
	if err != nil {
		return err
	}
	ids, err := b.IDs(ctx)
	if err := errors.Join(in.without(b.CheckFront(ctx)), in.without(err)); err != nil {
		return err
	}
	for i, p := range b.Parts() {
		rd, err := b.Reader(i)
		if err != nil {
			return err
		}
		var own []block.ID
		if ids != nil {
			own, ids = ids[:len(p.Slots)], ids[len(p.Slots):]
		}
		if err := in.slots(ctx, rd, own); err != nil {
			return err
		}
	}
	return nil
}

// slots reads every block that a reader has, when that is asked for, and compares it with its ID when there are IDs.
func (in *inspector) slots(ctx context.Context, rd *pack.Reader, ids []block.ID) error {
	if !in.o.read {
		return nil
	}
	for slot := 0; slot < rd.Len(); {
		if !rd.Has(uint16(slot)) {
			slot++
			continue
		}
		n, err := in.run(ctx, rd, uint16(slot), ids)
		if err != nil {
			return err
		}
		slot += n
		if ids != nil {
			ids = ids[n:]
		}
	}
	return nil
}

// run reads blocks that lie side by side, from slot first on, and tells how many. IDs begin with that of the first.
func (in *inspector) run(ctx context.Context, rd *pack.Reader, first uint16, ids []block.ID) (n int, err error) {
	span, n, err := rd.Span(first, min(chunk, rd.Len()-int(first)))
	if err != nil {
		return 0, err
	}
	buf := in.sealed[:span.Len]
	together := rd.Sealed(ctx, buf, span)
	if errors.Is(together, pack.ErrMissing) || ctx.Err() != nil {
		return 0, together
	}
	for i := range n {
		one, _, err := rd.Span(first+uint16(i), 1)
		if err != nil {
			return 0, err
		}
		mine := buf[:one.Len:one.Len]
		buf = buf[one.Len:]
		if together != nil { // which of the blocks hindered it, reading one by one tells
			err = rd.Sealed(ctx, mine, one)
		}
		in.block(ctx, rd, first+uint16(i), mine, err, ids[min(i, len(ids)):])
	}
	in.progress(span.Len)
	return n, ctx.Err()
}

// block decodes a block that was read, unless err says that it was not, and compares it with the first of IDs if there is one.
func (in *inspector) block(ctx context.Context, rd *pack.Reader, slot uint16, sealed []byte, err error, ids []block.ID) {
	var b []byte
	if err == nil {
		b, err = rd.Decode(in.v.r.packs.Decoder(), in.plain, slot, sealed)
	}
	at := format.Address{Pack: rd.Header().ID, Slot: slot}
	switch {
	case ctx.Err() != nil:
	case err != nil && !in.v.healed(ctx, at):
		in.badSlot(at, err)
	case err == nil && len(ids) > 0 && in.summer(rd).Sum(b) != ids[0]:
		in.badSlot(at, fmt.Errorf("slot %d has another ID than the trailer says: %w", slot, ErrCorrupt))
	}
}

func (in *inspector) badSlot(at format.Address, err error) {
	in.sound = false
	in.v.badSlot(in.o.name, at, err)
}

func (in *inspector) summer(rd *pack.Reader) *block.Summer {
	if rd.Header().Kind == format.KindTree {
		return in.nodes
	}
	return in.data
}

// progress counts bytes of an object that is read, and counted when it was chosen.
func (in *inspector) progress(n int64) {
	in.counted += n
	in.v.o.Progress.Done.Add(n)
}

// healed tells whether a damaged block lies in a bundle, too, where readers find it.
func (v *verifier) healed(ctx context.Context, a format.Address) bool {
	if len(v.moves.Bundles(a.Pack)) == 0 {
		return false
	}
	_, err := v.r.packs.Block(ctx, a)
	return err == nil
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

// badSlot records that a block in the object called name cannot be read, once.
func (v *verifier) badSlot(name string, a format.Address, err error) *Problem {
	if p := v.badAt(a); p != nil {
		return p
	}
	p := v.add(name, err)
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
