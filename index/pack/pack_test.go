package pack_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/object/objecttest"
	"vbfs/index/pack"
	"vbfs/index/seal"
)

func ring(encrypted bool) *seal.Ring {
	return seal.NewRing(format.UUID{1, 2, 3}, encrypted, seal.NewKeyring(nil))
}

// someBlocks gives blocks of every nature and length.
func someBlocks() [][]byte {
	r := rand.New(rand.NewPCG(1, 1))
	var out [][]byte
	for _, n := range []int{1, 100, 4096, block.Size - 1, block.Size} {
		random, text := make([]byte, n), make([]byte, n)
		for i := range n {
			random[i], text[i] = byte(r.Uint32()), byte(r.IntN(8))
		}
		out = append(out, random, text, bytes.Repeat([]byte{7}, n))
	}
	return out
}

// write makes a pack of blocks and gives its ID and their block IDs.
func write(t testing.TB, s *objecttest.Memory, r *seal.Ring, c format.Codec, blocks [][]byte) (format.PackID, []block.ID) {
	t.Helper()
	enc, err := pack.NewEncoder(c)
	if err != nil {
		t.Fatal(err)
	}
	a, err := pack.Create(t.Context(), s, r, format.KindData, format.Mark{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	var ids []block.ID
	for i, b := range blocks {
		codec, encoded, err := enc.Encode(b)
		if err != nil {
			t.Fatal(err)
		}
		id := r.Blocks().Sum(b)
		p, err := a.Append(id, codec, encoded)
		if err != nil || int(p.At.Slot) != i {
			t.Fatalf("append %d: %+v, %v", i, p, err)
		}
		ids = append(ids, id)
	}
	if err := a.Seal(); err != nil {
		t.Fatal(err)
	}
	return a.ID(), ids
}

// stored gives a pack's bytes.
func stored(t testing.TB, s *objecttest.Memory, id format.PackID) []byte {
	t.Helper()
	b, err := object.GetAll(t.Context(), s, pack.Name(id), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWhatGoesInComesOut(t *testing.T) {
	dec, err := pack.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	for _, encrypted := range []bool{true, false} {
		for _, c := range []format.Codec{format.Raw, format.Zstd, format.S2, format.LZ4} {
			t.Run(fmt.Sprintf("%v encrypted=%v", c, encrypted), func(t *testing.T) {
				s, r, blocks := objecttest.NewMemory(), ring(encrypted), someBlocks()
				id, want := write(t, s, r, c, blocks)
				rd, err := pack.Open(t.Context(), s, r, id)
				if err != nil || rd.Len() != len(blocks) {
					t.Fatal(rd, err)
				}
				for slot, b := range blocks {
					if got, err := rd.Block(t.Context(), dec, uint16(slot)); err != nil || !bytes.Equal(got, b) {
						t.Errorf("slot %d: %d bytes, %v", slot, len(got), err)
					}
				}
				ids, err := rd.IDs(t.Context())
				if err != nil || fmt.Sprint(ids) != fmt.Sprint(want) {
					t.Errorf("IDs: %v", err)
				}
				if err := rd.CheckFront(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// Every byte of a pack matters, and none but its own block's to a block.
func TestEveryByteMatters(t *testing.T) {
	dec, err := pack.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	blocks := [][]byte{[]byte("one block"), []byte("another block"), bytes.Repeat([]byte{5}, 400)}
	for _, encrypted := range []bool{true, false} {
		s, r := objecttest.NewMemory(), ring(encrypted)
		id, _ := write(t, s, r, format.Zstd, blocks)
		whole := stored(t, s, id)
		for i := range whole {
			b := bytes.Clone(whole)
			b[i] ^= 0x10
			s.Replace(pack.Name(id), b)
			if bad := broken(t, s, r, id, dec, blocks); bad == 0 {
				t.Fatalf("byte %d of %d does not matter", i, len(whole))
			}
		}
		for n := range len(whole) {
			s.Replace(pack.Name(id), whole[:n])
			if _, err := pack.Open(t.Context(), s, r, id); !errors.Is(err, pack.ErrCorrupt) && !errors.Is(err, format.ErrMalformed) {
				t.Fatalf("cut to %d bytes: %v", n, err)
			}
		}
	}
}

// broken counts what of a pack cannot be read. Wrong bytes end the test.
func broken(t *testing.T, s *objecttest.Memory, r *seal.Ring, id format.PackID, dec *pack.Decoder, blocks [][]byte) (bad int) {
	t.Helper()
	rd, err := pack.Open(t.Context(), s, r, id)
	if err != nil {
		return 1
	}
	for slot, b := range blocks {
		got, err := rd.Block(t.Context(), dec, uint16(slot))
		if err != nil {
			bad++
		} else if !bytes.Equal(got, b) {
			t.Fatalf("wrong bytes in slot %d", slot)
		}
	}
	if _, err := rd.IDs(t.Context()); err != nil {
		bad++
	}
	if err := rd.CheckFront(t.Context()); err != nil {
		bad++
	}
	return bad
}

// A block belongs to its slot, its pack and its repository.
func TestBlocksAreBoundToTheirPlace(t *testing.T) {
	dec, err := pack.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	same := [][]byte{[]byte("block of one length"), []byte("BLOCK OF ONE LENGTH")}
	for _, encrypted := range []bool{true, false} {
		s, r := objecttest.NewMemory(), ring(encrypted)
		id, _ := write(t, s, r, format.Raw, same)
		b := bytes.Clone(stored(t, s, id))
		n := len(same[0]) + format.TagSize
		one, two := b[format.PackHeaderSize:][:n], b[format.PackHeaderSize+n:][:n]
		swapped := append(bytes.Clone(two), one...)
		copy(b[format.PackHeaderSize:], swapped)
		s.Replace(pack.Name(id), b)
		rd, err := pack.Open(t.Context(), s, r, id)
		if err != nil {
			t.Fatal(err)
		}
		for slot := range same {
			if _, err := rd.Block(t.Context(), dec, uint16(slot)); !errors.Is(err, pack.ErrCorrupt) {
				t.Errorf("swapped slot %d: %v", slot, err)
			}
		}
		other, _ := write(t, s, r, format.Raw, same)
		s.Replace(pack.Name(id), stored(t, s, other))
		if _, err := pack.Open(t.Context(), s, r, id); !errors.Is(err, format.ErrMalformed) {
			t.Errorf("a pack under another's name: %v", err)
		}
	}
}

func TestMissingPack(t *testing.T) {
	if _, err := pack.Open(t.Context(), objecttest.NewMemory(), ring(true), format.PackID{9}); !errors.Is(err, pack.ErrMissing) {
		t.Error(err)
	}
}

// Whatever a pack's bytes are, reading them ends in blocks of at most 64 KiB or in an error.
func FuzzReader(f *testing.F) {
	s, r := objecttest.NewMemory(), ring(false)
	enc := [][]byte{[]byte("one block"), bytes.Repeat([]byte{5}, 4000)}
	id, _ := write(f, s, r, format.Zstd, enc)
	f.Add(stored(f, s, id))
	dec, err := pack.NewDecoder()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := objecttest.NewMemory()
		s.Replace(pack.Name(id), b)
		rd, err := pack.Open(t.Context(), s, r, id)
		if err != nil {
			return
		}
		for slot := range rd.Len() {
			if got, err := rd.Block(t.Context(), dec, uint16(slot)); err == nil && len(got) > block.Size {
				t.Errorf("a block of %d bytes", len(got))
			}
		}
		rd.IDs(t.Context())
	})
}

// Whatever compressed bytes are, decoding them ends in at most 64 KiB or in an error.
func FuzzDecode(f *testing.F) {
	for _, c := range []format.Codec{format.Zstd, format.S2, format.LZ4} {
		enc, err := pack.NewEncoder(c)
		if err != nil {
			f.Fatal(err)
		}
		_, b, err := enc.Encode(bytes.Repeat([]byte("abc"), 10000))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(c), bytes.Clone(b))
	}
	dec, err := pack.NewDecoder()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, c uint8, b []byte) {
		if out, err := dec.Decode(nil, format.Codec(c), b); err == nil && len(out) > block.Size {
			t.Errorf("%d bytes from %d", len(out), len(b))
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	raw := someBlocks()[13] // compresses to a third
	for _, c := range []format.Codec{format.Zstd, format.S2, format.LZ4} {
		b.Run(c.String(), func(b *testing.B) {
			enc, err := pack.NewEncoder(c)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if _, _, err := enc.Encode(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Blocks that no codec shrinks, and those that it just does, are stored as they are or come back as they were.
func TestBlocksThatHardlyShrink(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, c := range []format.Codec{format.Zstd, format.S2, format.LZ4} {
		enc, err := pack.NewEncoder(c)
		if err != nil {
			t.Fatal(err)
		}
		dec, err := pack.NewDecoder()
		if err != nil {
			t.Fatal(err)
		}
		for n := range 400 {
			raw := make([]byte, 1+r.IntN(block.Size))
			for i := range raw {
				raw[i] = byte(r.Uint32())
			}
			for range n / 4 { // a few repetitions
				at, to := r.IntN(len(raw)), r.IntN(len(raw))
				copy(raw[to:], raw[at:min(len(raw), at+5+r.IntN(60))])
			}
			codec, b, err := enc.Encode(raw)
			if err != nil || len(b) > len(raw) {
				t.Fatalf("%v of %d bytes: %d, %v", c, len(raw), len(b), err)
			}
			if got, err := dec.Decode(nil, codec, b); err != nil || !bytes.Equal(got, raw) {
				t.Fatalf("%v of %d bytes does not come back: %v", c, len(raw), err)
			}
		}
	}
}
