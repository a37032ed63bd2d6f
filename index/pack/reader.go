package pack

import (
	"bytes"
	"context"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/seal"
)

// A Reader reads the blocks of one pack: from the pack itself, or from the bundles that its slots were moved to. It is
// immutable and safe for concurrent use.
type Reader struct {
	store  object.Store
	homes  []home   // the pack itself, or the parts of bundles that hold slots of it
	ends   []uint32 // of each slot in its home's object; 0 when the slot is gone
	codecs []format.Codec

	footer format.PackFooter // of the pack itself
	idsC   cipher.AEAD

	moved *moved // nil for the pack itself
}

// A home is an object that holds slots of the pack, under one header and so under one salt.
type home struct {
	name   string
	header format.PackHeader
	blocks cipher.AEAD
}

// Open reads and checks a pack's footer and slots. ErrMissing when there is no such pack, ErrCorrupt when it is damaged.
func Open(ctx context.Context, s object.Store, r *seal.Ring, id format.PackID) (*Reader, error) {
	p := &Reader{store: s, homes: []home{{name: Name(id)}}}
	info, err := s.Stat(ctx, Name(id))
	if errors.Is(err, object.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", Name(id), ErrMissing)
	}
	if err != nil {
		return nil, err
	}
	if err := p.open(ctx, r, id, info.Size); err != nil {
		return nil, fmt.Errorf("%s: %w", Name(id), err)
	}
	return p, nil
}

func (p *Reader) open(ctx context.Context, r *seal.Ring, id format.PackID, size int64) error {
	own := &p.homes[0]
	tail, err := readTail(ctx, p.store, own.name, size)
	if err != nil {
		return err
	}
	if p.footer, err = format.ParsePackFooter(tail[len(tail)-format.PackFooterSize:], size); err != nil {
		return err
	}
	if p.footer.Header.ID != id {
		return fmt.Errorf("says that it is pack %v: %w", p.footer.Header.ID, ErrCorrupt)
	}
	var slotsC cipher.AEAD
	own.header = p.footer.Header
	if own.blocks, p.idsC, slotsC, err = r.Pack(own.header); err != nil {
		return err
	}
	n := p.footer.SlotsLen()
	if len(tail) < n+format.PackFooterSize {
		tail = make([]byte, n+format.PackFooterSize)
		if err := get(ctx, p.store, own.name, tail, size-int64(len(tail))); err != nil {
			return err
		}
	}
	return p.readSlots(slotsC, tail[len(tail)-n-format.PackFooterSize:][:n])
}

// readTail reads the end of a pack or bundle, with the footer and, when it is small, what goes before.
func readTail(ctx context.Context, s object.Store, name string, size int64) ([]byte, error) {
	tail := make([]byte, min(size, 32<<10)) // holds 5,000 slots
	if err := get(ctx, s, name, tail, size-int64(len(tail))); err != nil {
		return nil, err
	}
	if len(tail) < format.PackFooterSize {
		return nil, fmt.Errorf("%d bytes: %w", size, ErrCorrupt)
	}
	return tail, nil
}

func (p *Reader) readSlots(c cipher.AEAD, sealed []byte) error {
	var nonce [12]byte
	b, err := c.Open(nil, nonce[:], sealed, format.SectionPlace(format.KindSlots, p.footer))
	if err != nil {
		return fmt.Errorf("slot lengths: %w", ErrCorrupt)
	}
	p.ends = make([]uint32, p.footer.Slots)
	p.codecs = make([]format.Codec, p.footer.Slots)
	at := int64(format.PackHeaderSize)
	for i := range p.ends {
		s, err := format.ParseSlot(b[i*format.SlotSize:])
		if err != nil {
			return err
		}
		at += int64(s.Len)
		if at > p.footer.End {
			return fmt.Errorf("slot %d ends behind the blocks: %w", i, ErrCorrupt)
		}
		p.ends[i], p.codecs[i] = uint32(at), s.Codec
	}
	if at != p.footer.End {
		return fmt.Errorf("blocks end at %d, not %d: %w", at, p.footer.End, ErrCorrupt)
	}
	return nil
}

// CheckFront compares the header at the pack's begin, which reading does without, with the footer's copy.
func (p *Reader) CheckFront(ctx context.Context) error {
	return checkFront(ctx, p.store, p.homes[0].name, p.footer.Header)
}

func checkFront(ctx context.Context, s object.Store, name string, h format.PackHeader) error {
	front := make([]byte, format.PackHeaderSize)
	if err := get(ctx, s, name, front, 0); err != nil {
		return err
	}
	if !bytes.Equal(front, h.AppendTo(nil)) {
		return fmt.Errorf("%s: header is not the one that the footer has: %w", name, ErrCorrupt)
	}
	return nil
}

// get reads bytes of a pack or bundle, whose absence is damage.
func get(ctx context.Context, s object.Store, name string, p []byte, off int64) error {
	err := s.Get(ctx, name, p, off)
	if errors.Is(err, object.ErrNotExist) {
		return fmt.Errorf("%s: %w", name, ErrMissing)
	}
	return err
}

// Header is the pack's header; of a moved pack, whose slots may lie under several salts, one of them.
func (p *Reader) Header() format.PackHeader { return p.homes[0].header }

// headerOf gives the header that a slot is sealed under.
func (p *Reader) headerOf(slot uint16) format.PackHeader { return p.homeOf(slot).header }

func (p *Reader) homeOf(slot uint16) *home {
	if p.moved != nil {
		return &p.homes[p.moved.in[slot]]
	}
	return &p.homes[0]
}

// Moved tells whether bundles hold the slots.
func (p *Reader) Moved() bool { return p.moved != nil }

// Size is the pack's length in bytes; of a moved pack that of its blocks.
func (p *Reader) Size() int64 {
	if p.moved != nil {
		return p.moved.size
	}
	return p.footer.Size()
}

// Len counts the slots, with those that are gone.
func (p *Reader) Len() int { return len(p.ends) }

// Has tells whether the slot is there: of a moved pack, dead ones are not.
func (p *Reader) Has(slot uint16) bool { return int(slot) < len(p.ends) && p.ends[slot] != 0 }

// Codec tells how the block in a slot, which is there, is compressed.
func (p *Reader) Codec(slot uint16) format.Codec { return p.codecs[slot] }

// cost is what the reader takes in memory, in bytes: 5 a slot, 6 more when it was moved, and its ciphers' key schedules.
func (p *Reader) cost() int64 {
	n := int64(5*len(p.ends)) + int64(len(p.homes))*2<<10
	if p.moved != nil {
		n += int64(6 * len(p.ends))
	}
	return n
}

// Stored is the length of the sealed bytes of a slot, 0 when it is gone.
func (p *Reader) Stored(slot uint16) int64 {
	if !p.Has(slot) {
		return 0
	}
	return int64(p.ends[slot]) - p.begin(slot)
}

// A Span is where the sealed bytes of some slots lie, side by side.
type Span struct {
	home     int
	Off, Len int64
}

// Span gives where the sealed bytes of slots from first on lie: of n, or of as many as lie side by side. They are got.
func (p *Reader) Span(first uint16, n int) (s Span, got int, err error) {
	if n < 1 || int(first)+n > len(p.ends) {
		return s, 0, fmt.Errorf("pack %v has %d slots, not %d: %w", p.Header().ID, len(p.ends), int(first)+n, ErrCorrupt)
	}
	if !p.Has(first) {
		return s, 0, fmt.Errorf("slot %d of pack %v was collected: %w", first, p.Header().ID, ErrMissing)
	}
	if p.moved != nil {
		n = p.moved.together(p, first, n)
		s.home = int(p.moved.in[first])
	}
	s.Off = p.begin(first)
	s.Len = int64(p.ends[int(first)+n-1]) - s.Off
	return s, n, nil
}

func (p *Reader) begin(slot uint16) int64 {
	switch {
	case p.moved != nil:
		return int64(p.moved.begins[slot])
	case slot > 0:
		return int64(p.ends[slot-1])
	}
	return format.PackHeaderSize
}

// Sealed reads the bytes of a Span into buf, which has its length.
func (p *Reader) Sealed(ctx context.Context, buf []byte, s Span) error {
	return get(ctx, p.store, p.homes[s.home].name, buf, s.Off)
}

// Decode opens and decodes the sealed bytes of one slot, in place, and appends the block to dst.
func (p *Reader) Decode(d *Decoder, dst []byte, slot uint16, sealed []byte) ([]byte, error) {
	b, err := p.unseal(slot, sealed[:0], sealed)
	if err != nil {
		return nil, err
	}
	out, err := d.Decode(dst, p.codecs[slot], b)
	if err != nil {
		return nil, fmt.Errorf("pack %v slot %d: %w", p.Header().ID, slot, err)
	}
	return out, nil
}

// unseal opens the sealed bytes of one slot and appends the encoded block to dst.
func (p *Reader) unseal(slot uint16, dst, sealed []byte) ([]byte, error) {
	h := p.homeOf(slot)
	place := format.BlockPlace(h.header, slot)
	nonce := nonceOf(slot)
	b, err := h.blocks.Open(dst, nonce[:], sealed, place[:])
	if err != nil {
		return nil, fmt.Errorf("%s: slot %d of pack %v is not authentic: %w", h.name, slot, h.header.ID, ErrCorrupt)
	}
	return b, nil
}

// Block reads one block.
func (p *Reader) Block(ctx context.Context, d *Decoder, slot uint16) ([]byte, error) {
	span, _, err := p.Span(slot, 1)
	if err != nil {
		return nil, err
	}
	pooled := sealedBlocks.Get().(*[format.MaxBlock]byte)
	defer sealedBlocks.Put(pooled)
	buf := pooled[:span.Len]
	if err := p.Sealed(ctx, buf, span); err != nil {
		return nil, err
	}
	return p.Decode(d, nil, slot, buf) // which keeps nothing of buf
}

// sealedBlocks are buffers for single blocks: random reads are made of them.
var sealedBlocks = sync.Pool{New: func() any { return new([format.MaxBlock]byte) }}

// IDs reads the block IDs of all slots. Those of slots that are gone are zero.
func (p *Reader) IDs(ctx context.Context) ([]block.ID, error) {
	if p.moved != nil {
		return p.moved.ids(ctx, len(p.ends))
	}
	sealed := make([]byte, p.footer.IDsLen())
	if err := get(ctx, p.store, p.homes[0].name, sealed, p.footer.End); err != nil {
		return nil, err
	}
	return openIDs(p.homes[0].name, p.idsC, sealed, format.SectionPlace(format.KindIDs, p.footer))
}

// openIDs opens the section of block IDs of a pack or bundle, in place.
func openIDs(name string, c cipher.AEAD, sealed, place []byte) ([]block.ID, error) {
	var nonce [12]byte
	b, err := c.Open(sealed[:0], nonce[:], sealed, place)
	if err != nil {
		return nil, fmt.Errorf("%s: block IDs: %w", name, ErrCorrupt)
	}
	ids := make([]block.ID, len(b)/format.IDSize)
	for i := range ids {
		copy(ids[i][:], b[i*format.IDSize:])
	}
	return ids, nil
}

func nonceOf(slot uint16) (n [12]byte) {
	binary.LittleEndian.PutUint16(n[:], slot)
	return n
}
