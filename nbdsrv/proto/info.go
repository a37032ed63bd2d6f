package proto

import (
	"encoding/binary"
	"fmt"
)

// An InfoType says what a RepInfo tells of an export ("NBD_REP_INFO").
type InfoType uint16

const (
	InfoTypeExport      InfoType = 0
	InfoTypeName        InfoType = 1
	InfoTypeDescription InfoType = 2
	InfoTypeBlockSize   InfoType = 3
)

// InfoExport is an export's size in bytes and its transmission flags.
type InfoExport struct {
	Size  uint64
	Flags uint16
}

// Append encodes i.
func (i InfoExport) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(InfoTypeExport))
	b = binary.BigEndian.AppendUint64(b, i.Size)
	return binary.BigEndian.AppendUint16(b, i.Flags)
}

// DecodeInfoExport is the inverse of InfoExport.Append.
func DecodeInfoExport(b []byte) (InfoExport, error) {
	if len(b) != 12 || InfoType(binary.BigEndian.Uint16(b)) != InfoTypeExport {
		return InfoExport{}, fmt.Errorf("export information: %w", ErrMalformed)
	}
	return InfoExport{Size: binary.BigEndian.Uint64(b[2:]), Flags: binary.BigEndian.Uint16(b[10:])}, nil
}

// InfoBlockSize is what requests should look like, in bytes ("Block size constraints").
type InfoBlockSize struct{ Min, Preferred, Max uint32 }

// Append encodes i.
func (i InfoBlockSize) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(InfoTypeBlockSize))
	b = binary.BigEndian.AppendUint32(b, i.Min)
	b = binary.BigEndian.AppendUint32(b, i.Preferred)
	return binary.BigEndian.AppendUint32(b, i.Max)
}

// DecodeInfoBlockSize is the inverse of InfoBlockSize.Append.
func DecodeInfoBlockSize(b []byte) (InfoBlockSize, error) {
	if len(b) != 14 || InfoType(binary.BigEndian.Uint16(b)) != InfoTypeBlockSize {
		return InfoBlockSize{}, fmt.Errorf("block size information: %w", ErrMalformed)
	}
	return InfoBlockSize{
		Min:       binary.BigEndian.Uint32(b[2:]),
		Preferred: binary.BigEndian.Uint32(b[6:]),
		Max:       binary.BigEndian.Uint32(b[10:]),
	}, nil
}

// InfoText is an export's name or description: Type is InfoTypeName or InfoTypeDescription.
type InfoText struct {
	Type InfoType
	Text string
}

// Append encodes i.
func (i InfoText) Append(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(i.Type)), i.Text...)
}

// DecodeInfoText is the inverse of InfoText.Append.
func DecodeInfoText(b []byte) (InfoText, error) {
	if len(b) < 2 {
		return InfoText{}, fmt.Errorf("information: %w", ErrMalformed)
	}
	t := InfoType(binary.BigEndian.Uint16(b))
	if t != InfoTypeName && t != InfoTypeDescription {
		return InfoText{}, fmt.Errorf("information of type %d: %w", t, ErrMalformed)
	}
	if len(b)-2 > MaxString {
		return InfoText{}, fmt.Errorf("information: %w", ErrTooBig)
	}
	return InfoText{Type: t, Text: string(b[2:])}, nil
}

// A Listing is the data of a RepServer: one export's name and what follows it, a text for people.
type Listing struct{ Name, Text string }

// Append encodes l.
func (l Listing) Append(b []byte) []byte {
	return append(appendString(b, l.Name), l.Text...)
}

// DecodeListing is the inverse of Listing.Append.
func DecodeListing(b []byte) (Listing, error) {
	name, rest, err := cutString(b)
	if err != nil {
		return Listing{}, fmt.Errorf("listed name: %w", err)
	}
	if len(rest) > MaxString {
		return Listing{}, fmt.Errorf("listed text: %w", ErrTooBig)
	}
	return Listing{Name: name, Text: string(rest)}, nil
}

// A MetaContext is the data of a RepMetaContext: the number that replies to BLOCK_STATUS carry, and the context's name.
type MetaContext struct {
	ID   uint32
	Name string
}

// Append encodes m.
func (m MetaContext) Append(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, m.ID), m.Name...)
}

// DecodeMetaContext is the inverse of MetaContext.Append.
func DecodeMetaContext(b []byte) (MetaContext, error) {
	if len(b) < 4 {
		return MetaContext{}, fmt.Errorf("metadata context: %w", ErrMalformed)
	}
	if len(b)-4 > MaxString {
		return MetaContext{}, fmt.Errorf("metadata context: %w", ErrTooBig)
	}
	return MetaContext{ID: binary.BigEndian.Uint32(b), Name: string(b[4:])}, nil
}
