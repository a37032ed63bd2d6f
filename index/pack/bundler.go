package pack

import (
	"context"
	"crypto/cipher"
	"fmt"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/seal"
)

// A Bundler fills one bundle. It belongs to one goroutine.
type Bundler struct {
	footer format.BundleFooter
	up     object.Upload
	idsC   cipher.AEAD
	partsC cipher.AEAD
	ids    []byte
	parts  []format.Part
}

// CreateBundle begins a bundle.
func CreateBundle(ctx context.Context, s object.Store, r *seal.Ring) (*Bundler, error) {
	b := &Bundler{footer: format.BundleFooter{Header: r.NewPack(format.KindBundle, format.Mark{}), End: format.PackHeaderSize}}
	var err error
	if b.idsC, b.partsC, err = r.Bundle(b.footer.Header); err != nil {
		return nil, err
	}
	if b.up, err = s.PutIfAbsent(ctx, BundleName(b.ID())); err != nil {
		return nil, err
	}
	return b, b.write(b.footer.Header.AppendTo(nil))
}

// ID is the bundle's ID.
func (b *Bundler) ID() format.PackID { return b.footer.Header.ID }

// Len counts the slots.
func (b *Bundler) Len() int { return b.footer.Slots }

// Takes tells whether so many slots of so many bytes in all still belong into the bundle. An empty one takes a whole pack.
func (b *Bundler) Takes(slots int, bytes int64) bool {
	return b.Len() == 0 || b.footer.Slots+slots <= format.MaxSlots && b.footer.End+bytes <= maxBytes
}

// Add appends the sealed bytes of a slot as they are. Slots of one header that come together, in ascending order, are one part.
func (b *Bundler) Add(h format.PackHeader, s format.PartSlot, id block.ID, sealed []byte) error {
	if len(sealed) != int(s.Len) {
		return fmt.Errorf("slot %d of pack %v: %d bytes, not %d", s.Number, h.ID, len(sealed), s.Len)
	}
	b.note(h, s, id)
	return b.write(sealed)
}

// note takes a slot into the trailer, whose bytes are written next.
func (b *Bundler) note(h format.PackHeader, s format.PartSlot, id block.ID) {
	n := len(b.parts)
	if n == 0 || b.parts[n-1].Header != h || b.parts[n-1].Slots[len(b.parts[n-1].Slots)-1].Number >= s.Number {
		b.parts = append(b.parts, format.Part{Header: h})
	}
	part := &b.parts[len(b.parts)-1]
	part.Slots = append(part.Slots, s)
	b.ids = append(b.ids, id[:]...)
	b.footer.Slots, b.footer.End = b.footer.Slots+1, b.footer.End+int64(s.Len)
}

// Size is the length of the sealed bundle in bytes.
func (b *Bundler) Size() int64 { return b.footer.Size() }

// Moves says which packs the bundle holds slots of, once each, in the order in which they were added.
func (b *Bundler) Moves() []format.Move {
	var out []format.Move
	seen := map[format.PackID]bool{}
	for i := range b.parts {
		if p := b.parts[i].Header.ID; !seen[p] {
			seen[p] = true
			out = append(out, format.Move{Pack: p, Bundle: b.ID()})
		}
	}
	return out
}

// Seal writes the trailer and makes the bundle durable and visible. A bundle without slots leaves nothing.
func (b *Bundler) Seal() error {
	if b.Len() == 0 {
		return b.Abort()
	}
	b.footer.Parts = len(b.parts)
	var plain []byte
	for i := range b.parts {
		plain = b.parts[i].AppendTo(plain)
	}
	var nonce [12]byte
	tail := b.idsC.Seal(nil, nonce[:], b.ids, format.BundleSection(format.KindPartIDs, b.footer))
	tail = b.partsC.Seal(tail, nonce[:], plain, format.BundleSection(format.KindParts, b.footer))
	if err := b.write(b.footer.AppendTo(tail)); err != nil {
		return err
	}
	if err := b.up.Commit(); err != nil {
		return fmt.Errorf("store bundle %v: %w", b.ID(), err)
	}
	return nil
}

// Abort drops the bundle.
func (b *Bundler) Abort() error { return b.up.Abort() }

func (b *Bundler) write(p []byte) error {
	if _, err := b.up.Write(p); err != nil {
		return fmt.Errorf("write bundle %v: %w", b.ID(), err)
	}
	return nil
}

// A Resealer seals a block for an address once more, under a fresh salt: what repair got back.
type Resealer struct {
	header format.PackHeader
	blocks cipher.AEAD
}

// NewResealer begins to seal slots of a pack anew.
func NewResealer(r *seal.Ring, k format.Kind, pack format.PackID) (*Resealer, error) {
	h := r.NewPack(k, format.Mark{})
	h.ID = pack
	blocks, _, _, err := r.Pack(h)
	return &Resealer{h, blocks}, err
}

// Add seals an encoded block into a bundle. No slot may be given twice to one Resealer.
func (r *Resealer) Add(b *Bundler, slot uint16, id block.ID, c format.Codec, encoded []byte) error {
	place := format.BlockPlace(r.header, slot)
	nonce := nonceOf(slot)
	sealed := r.blocks.Seal(nil, nonce[:], encoded, place[:])
	return b.Add(r.header, format.PartSlot{Number: slot, Slot: format.Slot{Len: uint32(len(sealed)), Codec: c}}, id, sealed)
}
