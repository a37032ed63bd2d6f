package format

import (
	"bytes"
	"slices"
)

// Moves tells what became of packs since they were written. The highest numbered object in moves/ counts, and holds all
// that is so.
type Moves struct {
	Moved []Move    // in order; a pack may have several bundles
	Bad   []Address // in order: slots whose bytes are lost; nothing new may name them
	Extra []Extra
}

// A Move says that a bundle holds slots of a pack.
type Move struct {
	Pack   PackID
	Bundle PackID
}

// MoveSize is the length of a stored Move: pack, bundle.
const MoveSize = 16

func (m *Moves) fields() []field {
	return []field{listField(critical|1, &m.Moved), listField(critical|2, &m.Bad)}
}
func (m *Moves) extras() *[]Extra { return &m.Extra }

// Marshal gives the record's bytes, to be sealed.
func (m *Moves) Marshal() []byte { return encode(m) }

// Unmarshal reads the record's bytes.
func (m *Moves) Unmarshal(b []byte) error {
	*m = Moves{}
	if err := decode(m, b); err != nil {
		return err
	}
	if !ascends(m.Moved, Move.Compare) || !ascends(m.Bad, Address.Compare) {
		return malformed("moves out of order")
	}
	return nil
}

// Bundles gives the bundles that hold slots of a pack.
func (m *Moves) Bundles(p PackID) (out []PackID) {
	i, _ := slices.BinarySearchFunc(m.Moved, p, func(m Move, p PackID) int { return m.Pack.Compare(p) })
	for ; i < len(m.Moved) && m.Moved[i].Pack == p; i++ {
		out = append(out, m.Moved[i].Bundle)
	}
	return out
}

// Names tells whether any pack was moved into a bundle. One that no pack was moved into holds nothing that counts.
func (m *Moves) Names(bundle PackID) bool {
	return slices.ContainsFunc(m.Moved, func(m Move) bool { return m.Bundle == bundle })
}

// IsBad tells whether the bytes at an address are known to be lost.
func (m *Moves) IsBad(a Address) bool {
	_, bad := slices.BinarySearchFunc(m.Bad, a, Address.Compare)
	return bad
}

// Compare orders moves by pack, then bundle.
func (m Move) Compare(o Move) int {
	if c := m.Pack.Compare(o.Pack); c != 0 {
		return c
	}
	return m.Bundle.Compare(o.Bundle)
}

// AppendTo appends the 16 bytes of m.
func (m Move) AppendTo(b []byte) []byte { return append(append(b, m.Pack[:]...), m.Bundle[:]...) }

func (m *Move) parse(b []byte) error {
	if len(b) != MoveSize {
		return malformed("move of %d bytes", len(b))
	}
	copy(m.Pack[:], b)
	copy(m.Bundle[:], b[8:])
	return nil
}

// Compare orders packs by their bytes.
func (p PackID) Compare(o PackID) int { return bytes.Compare(p[:], o[:]) }

// Compare orders addresses by pack, then slot.
func (a Address) Compare(o Address) int {
	if c := a.Pack.Compare(o.Pack); c != 0 {
		return c
	}
	return int(a.Slot) - int(o.Slot)
}

func (a *Address) parse(b []byte) (err error) {
	*a, err = ParseAddress(b)
	return err
}

func (p *PackID) parse(b []byte) error { return setFixed(p[:], b) }

// AppendTo appends the 8 bytes of p.
func (p PackID) AppendTo(b []byte) []byte { return append(b, p[:]...) }

func (u *UUID) parse(b []byte) error { return setFixed(u[:], b) }

// AppendTo appends the 16 bytes of u.
func (u UUID) AppendTo(b []byte) []byte { return append(b, u[:]...) }

// Compare orders UUIDs by their bytes.
func (u UUID) Compare(o UUID) int { return bytes.Compare(u[:], o[:]) }

func ascends[T any](s []T, compare func(a, b T) int) bool {
	for i := 1; i < len(s); i++ {
		if compare(s[i-1], s[i]) >= 0 {
			return false
		}
	}
	return true
}

// Has tells whether a move is among them.
func (m *Moves) Has(o Move) bool {
	_, ok := slices.BinarySearchFunc(m.Moved, o, Move.Compare)
	return ok
}
