package format

import (
	"encoding/binary"
	"time"
)

// A Verified says what was verified when. It is one snapshot of the whole repository. Lists are in ascending order of IDs.
type Verified struct {
	Packs   []Stamp[PackID] // packs and bundles: the instant at which every byte was last read and found good
	Points  []Stamp[UUID]   // the oldest of these instants of all packs that the point's maps name
	Damaged []Stamp[PackID] // packs and bundles: the instant at which damage was found; not found good since
	Extra   []Extra
}

// A Stamp is an instant of what has an ID.
type Stamp[ID Stamped[ID]] struct {
	ID ID
	At time.Time
}

// Stamped is an ID that instants are of.
type Stamped[ID any] interface {
	PackID | UUID
	Compare(ID) int
	AppendTo([]byte) []byte
}

// Compare orders stamps by their IDs.
func (s Stamp[ID]) Compare(o Stamp[ID]) int { return s.ID.Compare(o.ID) }

// AppendTo appends the ID and the 8 bytes of the instant, in nanoseconds since 1970.
func (s Stamp[ID]) AppendTo(b []byte) []byte {
	return binary.LittleEndian.AppendUint64(s.ID.AppendTo(b), uint64(s.At.UnixNano()))
}

func (s *Stamp[ID]) parse(b []byte) error {
	n := len(s.ID)
	s.ID = ID(b[:n])
	s.At = time.Unix(0, int64(binary.LittleEndian.Uint64(b[n:]))).UTC()
	return nil
}

func (v *Verified) fields() []field {
	return []field{listField(1, &v.Packs), listField(2, &v.Points), listField(3, &v.Damaged)}
}
func (v *Verified) extras() *[]Extra { return &v.Extra }

// Marshal gives the record's bytes, to be sealed.
func (v *Verified) Marshal() []byte { return encode(v) }

// Unmarshal reads the record's bytes.
func (v *Verified) Unmarshal(b []byte) error {
	*v = Verified{}
	if err := decode(v, b); err != nil {
		return err
	}
	return v.Validate()
}

// Validate checks that nothing has two instants.
func (v *Verified) Validate() error {
	if !ascends(v.Packs, Stamp[PackID].Compare) || !ascends(v.Points, Stamp[UUID].Compare) || !ascends(v.Damaged, Stamp[PackID].Compare) {
		return malformed("instants of verification are out of order")
	}
	return nil
}
