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

// A Reader reads the blocks of one pack. It is immutable and safe for concurrent use.
type Reader struct {
	store  object.Store
	name   string
	footer format.PackFooter
	blocks cipher.AEAD
	idsC   cipher.AEAD
	ends   []uint32 // of each slot, from the pack's begin
	codecs []format.Codec
}

// Open reads and checks a pack's footer and slots. ErrMissing when there is no such pack, ErrCorrupt when it is damaged.
func Open(ctx context.Context, s object.Store, r *seal.Ring, id format.PackID) (*Reader, error) {
	p := &Reader{store: s, name: Name(id)}
	info, err := s.Stat(ctx, p.name)
	if errors.Is(err, object.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", p.name, ErrMissing)
	}
	if err != nil {
		return nil, err
	}
	if err := p.open(ctx, r, id, info.Size); err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	return p, nil
}

func (p *Reader) open(ctx context.Context, r *seal.Ring, id format.PackID, size int64) error {
	tail := make([]byte, min(size, 32<<10)) // holds the footer and 5,000 slots
	if err := p.store.Get(ctx, p.name, tail, size-int64(len(tail))); err != nil {
		return err
	}
	if len(tail) < format.PackFooterSize {
		return fmt.Errorf("%d bytes: %w", size, ErrCorrupt)
	}
	var err error
	if p.footer, err = format.ParsePackFooter(tail[len(tail)-format.PackFooterSize:], size); err != nil {
		return err
	}
	if p.footer.Header.ID != id {
		return fmt.Errorf("says that it is pack %v: %w", p.footer.Header.ID, ErrCorrupt)
	}
	var slotsC cipher.AEAD
	if p.blocks, p.idsC, slotsC, err = r.Pack(p.footer.Header); err != nil {
		return err
	}
	n := p.footer.SlotsLen()
	if len(tail) < n+format.PackFooterSize {
		tail = make([]byte, n+format.PackFooterSize)
		if err := p.store.Get(ctx, p.name, tail, size-int64(len(tail))); err != nil {
			return err
		}
	}
	return p.readSlots(slotsC, tail[len(tail)-n-format.PackFooterSize:][:n])
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
	front := make([]byte, format.PackHeaderSize)
	if err := p.Sealed(ctx, front, 0); err != nil {
		return err
	}
	if !bytes.Equal(front, p.footer.Header.AppendTo(nil)) {
		return fmt.Errorf("%s: header is not the one that the footer has: %w", p.name, ErrCorrupt)
	}
	return nil
}

// Header is the pack's header.
func (p *Reader) Header() format.PackHeader { return p.footer.Header }

// Size is the pack's length in bytes.
func (p *Reader) Size() int64 { return p.footer.Size() }

// Len counts the slots.
func (p *Reader) Len() int { return len(p.ends) }

// Codec tells how the block in a slot, of which there is one, is compressed.
func (p *Reader) Codec(slot uint16) format.Codec { return p.codecs[slot] }

// cost is what the reader takes in memory, in bytes: 5 a slot, and its ciphers' key schedules.
func (p *Reader) cost() int64 { return int64(5*len(p.ends)) + 2<<10 }

// Span gives where the sealed bytes of n slots from first on lie.
func (p *Reader) Span(first uint16, n int) (off int64, length int, err error) {
	if n < 1 || int(first)+n > len(p.ends) {
		return 0, 0, fmt.Errorf("%s has %d slots, not %d: %w", p.name, len(p.ends), int(first)+n, ErrCorrupt)
	}
	off = format.PackHeaderSize
	if first > 0 {
		off = int64(p.ends[first-1])
	}
	return off, int(int64(p.ends[int(first)+n-1]) - off), nil
}

// Sealed reads the bytes that Span told into buf.
func (p *Reader) Sealed(ctx context.Context, buf []byte, off int64) error {
	err := p.store.Get(ctx, p.name, buf, off)
	if errors.Is(err, object.ErrNotExist) {
		return fmt.Errorf("%s: %w", p.name, ErrMissing)
	}
	return err
}

// Decode opens and decodes the sealed bytes of one slot, in place, and appends the block to dst.
func (p *Reader) Decode(d *Decoder, dst []byte, slot uint16, sealed []byte) ([]byte, error) {
	place := format.BlockPlace(p.footer.Header, slot)
	var nonce [12]byte
	binary.LittleEndian.PutUint16(nonce[:], slot)
	b, err := p.blocks.Open(sealed[:0], nonce[:], sealed, place[:])
	if err != nil {
		return nil, fmt.Errorf("%s slot %d is not authentic: %w", p.name, slot, ErrCorrupt)
	}
	out, err := d.Decode(dst, p.codecs[slot], b)
	if err != nil {
		return nil, fmt.Errorf("%s slot %d: %w", p.name, slot, err)
	}
	return out, nil
}

// Block reads one block.
func (p *Reader) Block(ctx context.Context, d *Decoder, slot uint16) ([]byte, error) {
	off, n, err := p.Span(slot, 1)
	if err != nil {
		return nil, err
	}
	pooled := sealedBlocks.Get().(*[format.MaxBlock]byte)
	defer sealedBlocks.Put(pooled)
	buf := pooled[:n]
	if err := p.Sealed(ctx, buf, off); err != nil {
		return nil, err
	}
	return p.Decode(d, nil, slot, buf) // which keeps nothing of buf
}

// sealedBlocks are buffers for single blocks: random reads are made of them.
var sealedBlocks = sync.Pool{New: func() any { return new([format.MaxBlock]byte) }}

// IDs reads the block IDs of all slots.
func (p *Reader) IDs(ctx context.Context) ([]block.ID, error) {
	sealed := make([]byte, p.footer.IDsLen())
	if err := p.Sealed(ctx, sealed, p.footer.End); err != nil {
		return nil, err
	}
	var nonce [12]byte
	b, err := p.idsC.Open(sealed[:0], nonce[:], sealed, format.SectionPlace(format.KindIDs, p.footer))
	if err != nil {
		return nil, fmt.Errorf("%s: block IDs: %w", p.name, ErrCorrupt)
	}
	ids := make([]block.ID, p.footer.Slots)
	for i := range ids {
		copy(ids[i][:], b[i*format.IDSize:])
	}
	return ids, nil
}
