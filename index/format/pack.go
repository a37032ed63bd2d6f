package format

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

// A pack is a sealed group of encoded blocks:
//
//	header  80
//	blocks  one after the other, each sealed: encoded bytes and a tag of 16
//	IDs     32 a slot, sealed as one piece (+16)
//	slots   6 a slot, sealed as one piece (+16)
//	footer  112: a copy of the header, where things are, a sum
//
// So one read of the tail gives a reader all it needs. Worked size: a pack of 2,000 blocks of 32 KiB is
// 80 + 2,000*(32,768+16) + 64,016 + 12,016 + 112 bytes.
const (
	PackHeaderSize = 80
	PackFooterSize = 112
	SlotSize       = 6
	IDSize         = 32
	MaxSlots       = 1 << 16       // readers accept so many
	MaxPack        = 1<<32 - 1     // bytes; offsets in map nodes are 32 bits
	MaxBlock       = 1<<16 + 1<<10 // bytes of one stored block with its tag, at most
)

const (
	packMagic   = "vbfspack"
	footerMagic = "vbfsfoot"
)

// A PackHeader begins a pack.
//
//	0   8   magic "vbfspack"
//	8   2   version
//	10  2   kind: data, tree or bundle
//	12  4   key number
//	16  16  repository ID
//	32  8   pack ID
//	40  32  salt
//	72  4   dictionary, 0 for none
//	76  4   zero
type PackHeader struct {
	Kind Kind
	Key  uint32
	Repo UUID
	ID   PackID
	Salt [32]byte
}

// AppendTo appends the header's 80 bytes.
func (h PackHeader) AppendTo(b []byte) []byte {
	b = append(b, packMagic...)
	b = binary.LittleEndian.AppendUint16(b, Version)
	b = binary.LittleEndian.AppendUint16(b, uint16(h.Kind))
	b = binary.LittleEndian.AppendUint32(b, h.Key)
	b = append(b, h.Repo[:]...)
	b = append(b, h.ID[:]...)
	b = append(b, h.Salt[:]...)
	return append(b, make([]byte, 8)...)
}

// ParsePackHeader reads the first 80 bytes of b.
func ParsePackHeader(b []byte) (PackHeader, error) { return parseHeader(b, KindData, KindTree) }

// parseHeader reads a header that is of one of two kinds.
func parseHeader(b []byte, one, other Kind) (h PackHeader, err error) {
	if len(b) < PackHeaderSize || string(b[:8]) != packMagic {
		return h, malformed("not a pack")
	}
	if v := binary.LittleEndian.Uint16(b[8:]); v != Version {
		return h, unknown("pack of format version %d; this release knows %d", v, Version)
	}
	h.Kind = Kind(binary.LittleEndian.Uint16(b[10:]))
	if h.Kind != one && h.Kind != other {
		return h, malformed("%v in the place of a %v", h.Kind, one)
	}
	if binary.LittleEndian.Uint64(b[72:]) != 0 {
		return h, unknown("pack with a dictionary")
	}
	h.Key = binary.LittleEndian.Uint32(b[12:])
	copy(h.Repo[:], b[16:])
	copy(h.ID[:], b[32:])
	copy(h.Salt[:], b[40:])
	return h, nil
}

// A PackFooter ends a pack.
//
//	0   80  copy of the header
//	80  8   magic "vbfsfoot"
//	88  4   slots
//	92  4   zero
//	96  8   end of the last block, from the pack's begin
//	104 8   XXH3-64 of the 104 bytes before
type PackFooter struct {
	Header PackHeader
	Slots  int
	End    int64
}

// AppendTo appends the footer's 112 bytes.
func (f PackFooter) AppendTo(b []byte) []byte {
	start := len(b)
	b = f.Header.AppendTo(b)
	b = append(b, footerMagic...)
	b = binary.LittleEndian.AppendUint64(b, uint64(f.Slots))
	b = binary.LittleEndian.AppendUint64(b, uint64(f.End))
	return binary.LittleEndian.AppendUint64(b, xxh3.Hash(b[start:]))
}

// ParsePackFooter reads the last 112 bytes of a pack of size bytes.
func ParsePackFooter(b []byte, size int64) (f PackFooter, err error) {
	if len(b) != PackFooterSize || string(b[80:88]) != footerMagic {
		return f, malformed("pack without a footer")
	}
	if xxh3.Hash(b[:104]) != binary.LittleEndian.Uint64(b[104:]) {
		return f, malformed("pack footer does not match its sum")
	}
	if f.Header, err = ParsePackHeader(b); err != nil {
		return f, err
	}
	slots := binary.LittleEndian.Uint64(b[88:])
	f.End = int64(binary.LittleEndian.Uint64(b[96:]))
	if slots < 1 || slots > MaxSlots || f.End < PackHeaderSize || f.End > MaxPack {
		return f, malformed("pack of %d slots that ends at %d", slots, f.End)
	}
	f.Slots = int(slots)
	if f.Size() != size {
		return f, malformed("pack of %d bytes that should have %d", size, f.Size())
	}
	return f, nil
}

// IDsLen and SlotsLen are the stored lengths of the trailer's two sections.
func (f PackFooter) IDsLen() int   { return IDSize*f.Slots + TagSize }
func (f PackFooter) SlotsLen() int { return SlotSize*f.Slots + TagSize }

// Size is the length of the whole pack.
func (f PackFooter) Size() int64 {
	return f.End + int64(f.IDsLen()) + int64(f.SlotsLen()) + PackFooterSize
}

// A Slot tells how one block is stored: 4 bytes of length with the tag, codec, flags (zero).
type Slot struct {
	Len   uint32
	Codec Codec
}

// AppendTo appends the slot's 6 bytes.
func (s Slot) AppendTo(b []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(b, s.Len), uint8(s.Codec), 0)
}

// ParseSlot reads the first 6 bytes of b.
func ParseSlot(b []byte) (s Slot, err error) {
	if len(b) < SlotSize {
		return s, malformed("slot cut to %d bytes", len(b))
	}
	s = Slot{binary.LittleEndian.Uint32(b), Codec(b[4])}
	if s.Len <= TagSize || s.Len > MaxBlock || b[5] != 0 {
		return s, malformed("slot of %d bytes with flags %#x", s.Len, b[5])
	}
	if s.Codec > LZ4 {
		return s, unknown("block codec %d", s.Codec)
	}
	return s, nil
}

// BlockPlace is what a block is bound to: 30 bytes of associated data.
func BlockPlace(h PackHeader, slot uint16) (b [30]byte) {
	binary.LittleEndian.PutUint16(b[0:], Version)
	binary.LittleEndian.PutUint16(b[2:], uint16(h.Kind))
	copy(b[4:], h.Repo[:])
	copy(b[20:], h.ID[:])
	binary.LittleEndian.PutUint16(b[28:], slot)
	return b
}

// SectionPlace is what a trailer section is bound to: its kind, the number of slots, the pack's header.
func SectionPlace(k Kind, f PackFooter) []byte {
	b := binary.LittleEndian.AppendUint16(nil, uint16(k))
	b = binary.LittleEndian.AppendUint32(b, uint32(f.Slots))
	return f.Header.AppendTo(b)
}
