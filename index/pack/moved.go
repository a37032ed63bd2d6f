package pack

import (
	"context"
	"slices"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/seal"
)

// moved is what a Reader of a moved pack needs beside: slots lie anywhere in several homes.
type moved struct {
	begins []uint32 // of each slot
	in     []uint16 // each slot's home
	parts  []heldPart
	load   func(context.Context, *Bundle) ([]block.ID, error) // block IDs of a bundle
	size   int64
}

// A heldPart is a part of a bundle.
type heldPart struct {
	bundle *Bundle
	part   int
}

// newMoved makes the reader of a pack from the parts that hold its slots, of which there is one at least. Where two hold the
// same slot the later one counts: both are bound to the address.
func newMoved(s object.Store, r *seal.Ring, parts []heldPart, load func(context.Context, *Bundle) ([]block.ID, error)) (*Reader, error) {
	p := &Reader{store: s, moved: &moved{parts: parts, load: load}}
	n := 0
	for _, h := range parts {
		slots := h.bundle.parts[h.part].Slots
		n = max(n, int(slots[len(slots)-1].Number)+1)
	}
	p.ends, p.codecs = make([]uint32, n), make([]format.Codec, n)
	p.moved.begins, p.moved.in = make([]uint32, n), make([]uint16, n)
	for i, h := range parts {
		header := h.bundle.parts[h.part].Header
		blocks, _, _, err := r.Pack(header)
		if err != nil {
			return nil, err
		}
		p.homes = append(p.homes, home{h.bundle.name, header, blocks})
		p.place(uint16(i), h)
	}
	return p, nil
}

// place notes where the slots of a part lie.
func (p *Reader) place(home uint16, h heldPart) {
	at := h.bundle.begins[h.part]
	for _, s := range h.bundle.parts[h.part].Slots {
		p.moved.begins[s.Number], p.moved.in[s.Number] = at, home
		at += s.Len
		p.ends[s.Number], p.codecs[s.Number] = at, s.Codec
		p.moved.size += int64(s.Len)
	}
}

// together counts the slots from first on, of n, that lie side by side in one home.
func (m *moved) together(p *Reader, first uint16, n int) int {
	for i := 1; i < n; i++ {
		a, b := int(first)+i-1, int(first)+i
		if m.in[a] != m.in[b] || p.ends[a] != m.begins[b] || p.ends[b] == 0 {
			return i
		}
	}
	return n
}

// ids gathers the block IDs of n slots.
func (m *moved) ids(ctx context.Context, n int) ([]block.ID, error) {
	out := make([]block.ID, n)
	for _, h := range m.parts {
		all, err := m.load(ctx, h.bundle)
		if err != nil {
			return nil, err
		}
		for i, id := range h.bundle.partIDs(h.part, all) {
			out[h.bundle.parts[h.part].Slots[i].Number] = id
		}
	}
	return slices.Clip(out), nil
}
