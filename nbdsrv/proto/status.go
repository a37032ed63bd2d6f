package proto

import (
	"encoding/binary"
	"fmt"
)

// ExtentLen is the encoded length of one extent in bytes.
const ExtentLen = 8

// An Extent is a run of bytes of one state, of State flags.
type Extent struct {
	Len   uint32
	State uint32
}

// A Status is the payload of a BLOCK_STATUS chunk: the extents from the request's offset on, in the context ID.
type Status struct {
	ID      uint32
	Extents []Extent
}

// Append encodes s.
func (s Status) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, s.ID)
	for _, e := range s.Extents {
		b = binary.BigEndian.AppendUint32(b, e.Len)
		b = binary.BigEndian.AppendUint32(b, e.State)
	}
	return b
}

// Len is the encoded length of s in bytes.
func (s Status) Len() uint32 { return uint32(4 + ExtentLen*len(s.Extents)) }

// DecodeStatus is the inverse of Status.Append. A status without extents is malformed.
func DecodeStatus(b []byte) (Status, error) {
	if len(b) < 4+ExtentLen || (len(b)-4)%ExtentLen != 0 {
		return Status{}, fmt.Errorf("block status: %w", ErrMalformed)
	}
	s := Status{ID: binary.BigEndian.Uint32(b), Extents: make([]Extent, 0, (len(b)-4)/ExtentLen)}
	for b = b[4:]; len(b) > 0; b = b[ExtentLen:] {
		s.Extents = append(s.Extents, Extent{Len: binary.BigEndian.Uint32(b), State: binary.BigEndian.Uint32(b[4:])})
	}
	return s, nil
}
