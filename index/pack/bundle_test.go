package pack_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/object/objecttest"
	"vbfs/index/pack"
	"vbfs/index/seal"
)

// move puts the slots of a pack that keep wants into a bundle.
func move(t testing.TB, s object.Store, r *seal.Ring, b *pack.Bundler, rd *pack.Reader, keep func(slot int) bool) {
	t.Helper()
	if err := pack.NewCopier().Copy(t.Context(), rd, b, func(slot uint16) bool { return keep(int(slot)) }); err != nil {
		t.Fatal(err)
	}
}

// record stores moves of that number.
func record(t testing.TB, s object.Store, r *seal.Ring, n int, m format.Moves) {
	t.Helper()
	slices.SortFunc(m.Moved, format.Move.Compare)
	b, err := r.Seal(format.KindMoves, pack.MovesName(n), m.Marshal())
	if err == nil {
		err = object.PutBytes(t.Context(), s, pack.MovesName(n), b)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func drop(t testing.TB, s object.Store, name string) {
	t.Helper()
	if err := s.Delete(context.Background(), name); err != nil {
		t.Fatal(err)
	}
}

func odd(slot int) bool { return slot%2 == 1 }

// What a bundle keeps of packs reads as before, by readers that had the packs open, and by new ones; what it does not keep
// is missing. So it is when the bundle is moved on.
func TestMovedSlotsReadAsBefore(t *testing.T) {
	for _, encrypted := range []bool{true, false} {
		s, r, blocks := objecttest.NewMemory(), ring(encrypted), someBlocks()
		one, ids := write(t, s, r, format.Zstd, blocks)
		two, _ := write(t, s, r, format.LZ4, blocks)
		before, err := pack.NewSet(s, r)
		if err != nil {
			t.Fatal(err)
		}
		check := func(set *pack.Set, p format.PackID, has func(int) bool) {
			t.Helper()
			got, err := set.IDs(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range blocks {
				b, err := set.Block(t.Context(), format.Address{Pack: p, Slot: uint16(i)})
				switch {
				case has(i) && (err != nil || !bytes.Equal(b, want)):
					t.Errorf("slot %d: %d bytes, %v", i, len(b), err)
				case !has(i) && !errors.Is(err, pack.ErrMissing) && !errors.Is(err, pack.ErrCorrupt):
					t.Errorf("slot %d that was collected: %d bytes, %v", i, len(b), err)
				case has(i) && got[i] != ids[i]:
					t.Errorf("slot %d has another ID", i)
				}
			}
		}
		all := func(int) bool { return true }
		check(before, one, all)

		set, _ := pack.NewSet(s, r)
		b, err := pack.CreateBundle(t.Context(), s, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []format.PackID{one, two} {
			rd, err := set.Reader(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			move(t, s, r, b, rd, odd)
		}
		if err := b.Seal(); err != nil {
			t.Fatal(err)
		}
		record(t, s, r, 1, format.Moves{Moved: b.Moves()})
		drop(t, s, pack.Name(one))
		drop(t, s, pack.Name(two))
		after, _ := pack.NewSet(s, r)
		check(after, one, odd)
		check(after, two, odd)
		before.Forget(one)
		check(before, one, odd)
		// set has readers of the packs still.
		check(set, one, odd)

		third := func(slot int) bool { return slot%6 == 3 }
		next, err := pack.CreateBundle(t.Context(), s, r)
		if err != nil {
			t.Fatal(err)
		}
		rd, err := after.Reader(t.Context(), one)
		if err != nil || !rd.Moved() {
			t.Fatal(rd, err)
		}
		move(t, s, r, next, rd, third)
		if err := next.Seal(); err != nil {
			t.Fatal(err)
		}
		record(t, s, r, 2, format.Moves{Moved: next.Moves()})
		drop(t, s, pack.BundleName(b.ID()))
		drop(t, s, pack.MovesName(1))
		after.Forget(one)
		check(after, one, third)
	}
}

// A reader follows what is moved on and on, and does not do so for ever.
func TestUseFollowsMoves(t *testing.T) {
	s, r := objecttest.NewMemory(), ring(true)
	id, _ := write(t, s, r, format.Zstd, someBlocks())
	set, _ := pack.NewSet(s, r)
	for moved, found := range map[int]bool{0: true, 1: true, 3: true, 100: false} {
		err := set.Use(t.Context(), id, func(*pack.Reader) error {
			if moved--; moved >= 0 {
				return pack.ErrMissing
			}
			return nil
		})
		if found != (err == nil) || !found && !errors.Is(err, pack.ErrMissing) {
			t.Errorf("moved on so often that %d are left: %v", moved, err)
		}
	}
}

// A pack or bundle that goes while it is opened is missing, wherever that happens: readers look for it anew then.
func TestOpenOfWhatGoes(t *testing.T) {
	memory, r := objecttest.NewMemory(), ring(true)
	id, _ := write(t, memory, r, format.Zstd, someBlocks())
	rd, err := pack.Open(t.Context(), memory, r, id)
	if err != nil {
		t.Fatal(err)
	}
	b, err := pack.CreateBundle(t.Context(), memory, r)
	if err != nil {
		t.Fatal(err)
	}
	move(t, memory, r, b, rd, odd)
	if err := b.Seal(); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 4; n++ {
		gone := memory.Clone()
		ops := 0
		store := objecttest.NewFault(gone, func(op objecttest.Op) objecttest.Act {
			if ops++; ops == n {
				gone.Delete(context.Background(), op.Name)
			}
			return objecttest.Act{}
		})
		if _, err := pack.Open(t.Context(), store, r, id); ops >= n && !errors.Is(err, pack.ErrMissing) {
			t.Errorf("pack, operation %d: %v", n, err)
		}
		ops = 0
		if _, err := pack.OpenBundle(t.Context(), store, r, b.ID()); ops >= n && !errors.Is(err, pack.ErrMissing) {
			t.Errorf("bundle, operation %d: %v", n, err)
		}
	}
}

// Slots of a pack may come in several turns, also some twice: what is sealed can be read.
func TestBundleTakesSlotsInAnyOrder(t *testing.T) {
	s, r, blocks := objecttest.NewMemory(), ring(true), someBlocks()
	id, _ := write(t, s, r, format.Zstd, blocks)
	rd, err := pack.Open(t.Context(), s, r, id)
	if err != nil {
		t.Fatal(err)
	}
	b, err := pack.CreateBundle(t.Context(), s, r)
	if err != nil {
		t.Fatal(err)
	}
	for _, some := range []func(int) bool{odd, func(slot int) bool { return slot%3 == 0 }, func(slot int) bool { return true }} {
		move(t, s, r, b, rd, some)
	}
	if err := b.Seal(); err != nil {
		t.Fatal(err)
	}
	record(t, s, r, 1, format.Moves{Moved: b.Moves()})
	drop(t, s, pack.Name(id))
	set, _ := pack.NewSet(s, r)
	for i, want := range blocks {
		if got, err := set.Block(t.Context(), format.Address{Pack: id, Slot: uint16(i)}); err != nil || !bytes.Equal(got, want) {
			t.Errorf("slot %d: %d bytes, %v", i, len(got), err)
		}
	}
}

// A damaged block that lies in a bundle once more, sealed anew, is read there.
func TestHealedSlotIsRead(t *testing.T) {
	s, r, blocks := objecttest.NewMemory(), ring(true), someBlocks()
	id, ids := write(t, s, r, format.Raw, blocks)
	b := bytes.Clone(stored(t, s, id))
	b[format.PackHeaderSize+3] ^= 1
	s.Replace(pack.Name(id), b)
	set, err := pack.NewSet(s, r)
	if err != nil {
		t.Fatal(err)
	}
	at := format.Address{Pack: id}
	if _, err := set.Block(t.Context(), at); !errors.Is(err, pack.ErrCorrupt) {
		t.Fatal(err)
	}
	bundler, err := pack.CreateBundle(t.Context(), s, r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := pack.NewResealer(r, format.KindData, id)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Add(bundler, 0, ids[0], format.Raw, blocks[0]); err != nil {
		t.Fatal(err)
	}
	if err := bundler.Seal(); err != nil {
		t.Fatal(err)
	}
	record(t, s, r, 1, format.Moves{Moved: bundler.Moves()})
	for slot, want := range blocks {
		got, err := set.Block(t.Context(), format.Address{Pack: id, Slot: uint16(slot)})
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("slot %d: %v", slot, err)
		}
	}
}

// A damaged block is not carried into a bundle.
func TestDamageIsNotMoved(t *testing.T) {
	s, r := objecttest.NewMemory(), ring(true)
	id, _ := write(t, s, r, format.Raw, someBlocks())
	b := bytes.Clone(stored(t, s, id))
	b[format.PackHeaderSize+3] ^= 1
	s.Replace(pack.Name(id), b)
	rd, err := pack.Open(t.Context(), s, r, id)
	if err != nil {
		t.Fatal(err)
	}
	bundler, err := pack.CreateBundle(t.Context(), s, r)
	if err != nil {
		t.Fatal(err)
	}
	defer bundler.Abort()
	if err := pack.NewCopier().Copy(t.Context(), rd, bundler, func(uint16) bool { return true }); !errors.Is(err, pack.ErrCorrupt) {
		t.Error(err)
	}
}

// Whatever a bundle's bytes are, reading them ends in blocks of at most 64 KiB or in an error.
func FuzzBundle(f *testing.F) {
	s, r := objecttest.NewMemory(), ring(false)
	id, _ := write(f, s, r, format.Zstd, [][]byte{[]byte("one block"), bytes.Repeat([]byte{5}, 4000)})
	rd, err := pack.Open(f.Context(), s, r, id)
	if err != nil {
		f.Fatal(err)
	}
	b, err := pack.CreateBundle(f.Context(), s, r)
	if err != nil {
		f.Fatal(err)
	}
	move(f, s, r, b, rd, func(int) bool { return true })
	if err := b.Seal(); err != nil {
		f.Fatal(err)
	}
	name := pack.BundleName(b.ID())
	whole, err := object.GetAll(f.Context(), s, name, 1<<30)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	dec, err := pack.NewDecoder()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := objecttest.NewMemory()
		s.Replace(name, raw)
		b, err := pack.OpenBundle(t.Context(), s, r, b.ID())
		if err != nil {
			return
		}
		b.IDs(t.Context())
		for i := range b.Parts() {
			rd, err := b.Reader(i)
			if err != nil {
				continue
			}
			for slot := range rd.Len() {
				if got, err := rd.Block(t.Context(), dec, uint16(slot)); err == nil && len(got) > 64<<10 {
					t.Errorf("a block of %d bytes", len(got))
				}
			}
		}
	})
}
