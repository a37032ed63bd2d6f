package format

import (
	"encoding/binary"
	"encoding/hex"
)

// A UUID is 16 random bytes: of a repository, a machine or a point.
type UUID [16]byte

// String gives the UUID as 32 hexadecimal digits, as names of objects have it.
func (u UUID) String() string { return hex.EncodeToString(u[:]) }

// MarshalText gives what String gives.
func (u UUID) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// IsZero reports whether u is unset.
func (u UUID) IsZero() bool { return u == UUID{} }

// ParseUUID reads what String gives.
func ParseUUID(s string) (u UUID, err error) {
	if len(s) != 2*len(u) {
		return u, malformed("%q is not 32 hexadecimal digits", s)
	}
	if _, err := hex.Decode(u[:], []byte(s)); err != nil || u.String() != s { // no capitals: a name has one form
		return UUID{}, malformed("%q is not 32 hexadecimal digits", s)
	}
	return u, nil
}

// A PackID is 6 random bytes and the mark of the pack's writer: so prune can tell the packs of a writer at work, which no
// point names yet.
type PackID [8]byte

// A Mark is the first two bytes of the ID of the point that a writer makes.
type Mark [2]byte

// MarkOf gives the mark of a point's writer.
func MarkOf(point UUID) Mark { return Mark(point[:2]) }

// Mark is the writer's mark. Two writers may have the same.
func (p PackID) Mark() Mark { return Mark(p[6:]) }

// SetMark puts the mark in its place.
func (p *PackID) SetMark(m Mark) { copy(p[6:], m[:]) }

// String gives the ID as 16 hexadecimal digits.
func (p PackID) String() string { return hex.EncodeToString(p[:]) }

// MarshalText gives what String gives.
func (p PackID) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// ParsePackID reads what String gives.
func ParsePackID(s string) (p PackID, err error) {
	if len(s) != 2*len(p) {
		return p, malformed("%q is not 16 hexadecimal digits", s)
	}
	if _, err := hex.Decode(p[:], []byte(s)); err != nil || p.String() != s {
		return PackID{}, malformed("%q is not 16 hexadecimal digits", s)
	}
	return p, nil
}

// An Address is where a block lies, for ever: its pack and its number in it.
type Address struct {
	Pack PackID
	Slot uint16
}

// AddressSize is the length of an encoded Address.
const AddressSize = 10

// AppendTo appends the 10 bytes of a: pack ID, slot.
func (a Address) AppendTo(b []byte) []byte {
	return binary.LittleEndian.AppendUint16(append(b, a.Pack[:]...), a.Slot)
}

// ParseAddress reads what AppendTo wrote.
func ParseAddress(b []byte) (a Address, err error) {
	if len(b) != AddressSize {
		return a, malformed("address of %d bytes", len(b))
	}
	copy(a.Pack[:], b)
	a.Slot = binary.LittleEndian.Uint16(b[8:])
	return a, nil
}
