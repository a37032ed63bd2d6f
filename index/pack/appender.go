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

// A pack is closed at about 64 MiB or 16,384 slots: large enough that a year of backups is few files, small enough that
// a lost one hurts little and a killed writer repeats little.
const (
	maxBytes = 64 << 20
	maxSlots = 1 << 14
)

// Name is the object name of a pack.
func Name(id format.PackID) string {
	s := id.String()
	return "packs/" + s[:2] + "/" + s
}

// A Place is where a block came to lie: its address and, as a hint, its bytes.
type Place struct {
	At  format.Address
	Off uint32
	Len uint32 // stored, with the tag
}

// An Appender fills one pack. It belongs to one goroutine, but for IDs.
type Appender struct {
	header  format.PackHeader
	up      object.Upload
	blocks  cipher.AEAD
	idsC    cipher.AEAD
	slotsC  cipher.AEAD
	off     int64
	ids     []byte // IDSize a slot
	slots   []byte // SlotSize a slot
	scratch []byte
}

// Create begins a pack of a kind, by the writer with that mark.
func Create(ctx context.Context, s object.Store, r *seal.Ring, k format.Kind, mark format.Mark) (*Appender, error) {
	a := &Appender{header: r.NewPack(k, mark), scratch: make([]byte, 0, format.MaxBlock)}
	var err error
	if a.blocks, a.idsC, a.slotsC, err = r.Pack(a.header); err != nil {
		return nil, err
	}
	if a.up, err = s.PutIfAbsent(ctx, Name(a.header.ID)); err != nil {
		return nil, err
	}
	return a, a.write(a.header.AppendTo(nil))
}

// ID is the pack's ID.
func (a *Appender) ID() format.PackID { return a.header.ID }

// Len counts the slots.
func (a *Appender) Len() int { return len(a.slots) / format.SlotSize }

// Full tells whether the pack should be sealed before another block is appended.
func (a *Appender) Full() bool { return a.off >= maxBytes || a.Len() >= maxSlots }

// Block gives the ID of the block in a slot.
func (a *Appender) Block(slot uint16) block.ID {
	return block.ID(a.ids[int(slot)*format.IDSize:][:format.IDSize])
}

// Append seals an encoded block into the next slot.
func (a *Appender) Append(id block.ID, c format.Codec, encoded []byte) (Place, error) {
	slot := uint16(a.Len())
	place := format.BlockPlace(a.header, slot)
	nonce := nonceOf(slot)
	a.scratch = a.blocks.Seal(a.scratch[:0], nonce[:], encoded, place[:])
	p := Place{format.Address{Pack: a.header.ID, Slot: slot}, uint32(a.off), uint32(len(a.scratch))}
	a.ids = append(a.ids, id[:]...)
	a.slots = format.Slot{Len: p.Len, Codec: c}.AppendTo(a.slots)
	return p, a.write(a.scratch)
}

// Seal writes the trailer and makes the pack durable and visible. A pack without slots leaves nothing.
func (a *Appender) Seal() error {
	if a.Len() == 0 {
		return a.Abort()
	}
	f := format.PackFooter{Header: a.header, Slots: a.Len(), End: a.off}
	var nonce [12]byte
	tail := a.idsC.Seal(nil, nonce[:], a.ids, format.SectionPlace(format.KindIDs, f))
	tail = append(tail, a.slotsC.Seal(nil, nonce[:], a.slots, format.SectionPlace(format.KindSlots, f))...)
	if err := a.write(f.AppendTo(tail)); err != nil {
		return err
	}
	if err := a.up.Commit(); err != nil {
		return fmt.Errorf("store pack %v: %w", a.header.ID, err)
	}
	return nil
}

// Abort drops the pack.
func (a *Appender) Abort() error { return a.up.Abort() }

func (a *Appender) write(p []byte) error {
	if _, err := a.up.Write(p); err != nil {
		return fmt.Errorf("write pack %v: %w", a.header.ID, err)
	}
	a.off += int64(len(p))
	return nil
}
