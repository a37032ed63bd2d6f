package format

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

// A bundle holds slots of packs, as they lay there: sealed under their packs' keys and bound to their addresses.
//
//	header  80: a pack's header of kind bundle, whose salt keys the trailer
//	blocks  one after the other, as they were in their packs
//	IDs     32 a slot, sealed as one piece (+16)
//	parts   each 84 and 8 a slot, sealed as one piece (+16)
//	footer  112
//
// A part is some slots of one pack under one salt. A pack may have several: repair seals a block anew under a fresh salt.
const (
	PartSize     = 84
	PartSlotSize = 8
)

const bundleFooterMagic = "vbfsbend"

// A BundleFooter ends a bundle.
//
//	0   80  copy of the header
//	80  8   magic "vbfsbend"
//	88  4   slots
//	92  4   parts
//	96  8   end of the last block, from the bundle's begin
//	104 8   XXH3-64 of the 104 bytes before
type BundleFooter struct {
	Header PackHeader
	Slots  int
	Parts  int
	End    int64
}

// AppendTo appends the footer's 112 bytes.
func (f BundleFooter) AppendTo(b []byte) []byte {
	start := len(b)
	b = f.Header.AppendTo(b)
	b = append(b, bundleFooterMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(f.Slots))
	b = binary.LittleEndian.AppendUint32(b, uint32(f.Parts))
	b = binary.LittleEndian.AppendUint64(b, uint64(f.End))
	return binary.LittleEndian.AppendUint64(b, xxh3.Hash(b[start:]))
}

// ParseBundleFooter reads the last 112 bytes of a bundle of size bytes.
func ParseBundleFooter(b []byte, size int64) (f BundleFooter, err error) {
	if len(b) != PackFooterSize || string(b[80:88]) != bundleFooterMagic {
		return f, malformed("bundle without a footer")
	}
	if xxh3.Hash(b[:104]) != binary.LittleEndian.Uint64(b[104:]) {
		return f, malformed("bundle footer does not match its sum")
	}
	if f.Header, err = parseHeader(b, KindBundle, KindBundle); err != nil {
		return f, err
	}
	slots, parts := binary.LittleEndian.Uint32(b[88:]), binary.LittleEndian.Uint32(b[92:])
	f.End = int64(binary.LittleEndian.Uint64(b[96:]))
	if slots < 1 || slots > MaxSlots || parts < 1 || parts > slots || f.End < PackHeaderSize || f.End > MaxPack {
		return f, malformed("bundle of %d slots in %d parts that ends at %d", slots, parts, f.End)
	}
	f.Slots, f.Parts = int(slots), int(parts)
	if f.Size() != size {
		return f, malformed("bundle of %d bytes that should have %d", size, f.Size())
	}
	return f, nil
}

// IDsLen and PartsLen are the stored lengths of the trailer's two sections.
func (f BundleFooter) IDsLen() int   { return IDSize*f.Slots + TagSize }
func (f BundleFooter) PartsLen() int { return PartSize*f.Parts + PartSlotSize*f.Slots + TagSize }

// Size is the length of the whole bundle.
func (f BundleFooter) Size() int64 {
	return f.End + int64(f.IDsLen()) + int64(f.PartsLen()) + PackFooterSize
}

// A Part is some slots of one pack in a bundle, in ascending order.
type Part struct {
	Header PackHeader // of the pack, with the salt that these slots are sealed under
	Slots  []PartSlot
}

// A PartSlot is where a block lies: its number in its pack, and how it is stored.
type PartSlot struct {
	Number uint16
	Slot
}

// AppendTo appends the part's 84 bytes, and 8 for each slot: number, codec, flags (zero), stored length.
func (p *Part) AppendTo(b []byte) []byte {
	b = p.Header.AppendTo(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p.Slots)))
	for _, s := range p.Slots {
		b = binary.LittleEndian.AppendUint16(b, s.Number)
		b = append(b, uint8(s.Codec), 0)
		b = binary.LittleEndian.AppendUint32(b, s.Len)
	}
	return b
}

// ParseParts reads all parts of a bundle.
func ParseParts(f BundleFooter, b []byte) ([]Part, error) {
	parts := make([]Part, 0, f.Parts)
	slots, end := 0, int64(PackHeaderSize)
	for range f.Parts {
		p, rest, err := cutPart(b, f.Slots-slots)
		if err != nil {
			return nil, err
		}
		b, slots = rest, slots+len(p.Slots)
		for _, s := range p.Slots {
			end += int64(s.Len)
		}
		parts = append(parts, p)
	}
	if len(b) != 0 || slots != f.Slots || end != f.End {
		return nil, malformed("bundle whose parts have %d slots up to %d, not %d up to %d", slots, end, f.Slots, f.End)
	}
	return parts, nil
}

// cutPart reads the first part of b, of at most so many slots.
func cutPart(b []byte, most int) (p Part, rest []byte, err error) {
	if len(b) < PartSize {
		return p, nil, malformed("part cut to %d bytes", len(b))
	}
	if p.Header, err = ParsePackHeader(b); err != nil {
		return p, nil, err
	}
	n := binary.LittleEndian.Uint32(b[PackHeaderSize:])
	b = b[PartSize:]
	if n < 1 || int64(n) > int64(most) || len(b) < int(n)*PartSlotSize {
		return p, nil, malformed("part of %d slots", n)
	}
	p.Slots = make([]PartSlot, n)
	for i := range p.Slots {
		if p.Slots[i], err = parsePartSlot(b[i*PartSlotSize:]); err != nil {
			return p, nil, err
		}
		if i > 0 && p.Slots[i].Number <= p.Slots[i-1].Number {
			return p, nil, malformed("slots of a part out of order")
		}
	}
	return p, b[int(n)*PartSlotSize:], nil
}

func parsePartSlot(b []byte) (s PartSlot, err error) {
	plain := append(binary.LittleEndian.AppendUint32(nil, binary.LittleEndian.Uint32(b[4:])), b[2], b[3])
	s.Slot, err = ParseSlot(plain)
	s.Number = binary.LittleEndian.Uint16(b)
	return s, err
}

// BundleSection is what a bundle's trailer section is bound to: its kind, the numbers of slots and parts, the header.
func BundleSection(k Kind, f BundleFooter) []byte {
	b := binary.LittleEndian.AppendUint16(nil, uint16(k))
	b = binary.LittleEndian.AppendUint32(b, uint32(f.Slots))
	b = binary.LittleEndian.AppendUint32(b, uint32(f.Parts))
	return f.Header.AppendTo(b)
}
