package pack_test

import (
	"bytes"
	"errors"
	"testing"

	"vbfs/index/format"
	"vbfs/index/object/objecttest"
	"vbfs/index/pack"
)

// A pack whose footer is damaged or cut off, wholly or in part, is opened by what is sealed before it.
func TestSalvage(t *testing.T) {
	t.Parallel()
	dec, err := pack.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	for _, encrypted := range []bool{false, true} {
		s, r, blocks := objecttest.NewMemory(), ring(encrypted), someBlocks()
		id, want := write(t, s, r, format.Zstd, blocks)
		whole := stored(t, s, id)
		for cut := 0; cut <= format.PackFooterSize; cut += 7 {
			p := bytes.Clone(whole[:len(whole)-cut])
			if cut == 0 {
				p[len(p)-20] ^= 1
			}
			s.Replace(pack.Name(id), p)
			if _, err := pack.Open(t.Context(), s, r, id); !errors.Is(err, format.ErrMalformed) {
				t.Fatalf("cut by %d: %v", cut, err)
			}
			rd, err := pack.Salvage(t.Context(), s, r, id)
			if err != nil {
				t.Fatalf("cut by %d: %v", cut, err)
			}
			for slot, b := range blocks {
				if got, err := rd.Block(t.Context(), dec, uint16(slot)); err != nil || !bytes.Equal(got, b) {
					t.Fatalf("cut by %d, slot %d: %v", cut, slot, err)
				}
			}
			if ids, err := rd.IDs(t.Context()); err != nil || len(ids) != len(want) || ids[1] != want[1] {
				t.Fatalf("cut by %d: IDs %v, %v", cut, ids, err)
			}
		}
		for _, p := range [][]byte{nil, whole[:50], whole[:len(whole)-format.PackFooterSize-1], bytes.Repeat([]byte{1}, 4000)} {
			s.Replace(pack.Name(id), p)
			if _, err := pack.Salvage(t.Context(), s, r, id); err == nil {
				t.Fatalf("%d bytes are opened", len(p))
			}
		}
	}
}

// A node is read where its parent says that it lies, however the trailer looks, and nothing else is.
func TestHinted(t *testing.T) {
	t.Parallel()
	dec, err := pack.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	s, r := objecttest.NewMemory(), ring(true)
	a, err := pack.Create(t.Context(), s, r, format.KindTree, format.Mark{})
	if err != nil {
		t.Fatal(err)
	}
	node := bytes.Repeat([]byte("node"), 100)
	var places []pack.Place
	for range 3 {
		p, err := a.Append(r.Nodes().Sum(node), format.Raw, node)
		if err != nil {
			t.Fatal(err)
		}
		places = append(places, p)
	}
	if err := a.Seal(); err != nil {
		t.Fatal(err)
	}
	s.Replace(pack.Name(a.ID()), stored(t, s, a.ID())[:places[2].Off])
	for i, p := range places {
		c := format.Child{Kind: format.Data, At: p.At, Off: p.Off, Len: uint16(p.Len), Codec: format.Raw}
		got, err := pack.Hinted(t.Context(), s, r, dec, c)
		if i < 2 && (err != nil || !bytes.Equal(got, node)) || i == 2 && err == nil {
			t.Errorf("slot %d: %q, %v", i, got, err)
		}
		c.At.Slot++
		if _, err := pack.Hinted(t.Context(), s, r, dec, c); err == nil {
			t.Errorf("slot %d is read as another", i)
		}
	}
}
