package proto

import (
	"encoding/binary"
	"fmt"
)

// MaxString is the greatest length in bytes of an export name or any other string ("Terms": string).
const MaxString = 4096

// An ExportRequest is the payload of INFO and GO.
type ExportRequest struct {
	Name  string
	Infos []InfoType // what the client would like to hear
}

// Append encodes r.
func (r ExportRequest) Append(b []byte) []byte {
	b = appendString(b, r.Name)
	b = binary.BigEndian.AppendUint16(b, uint16(len(r.Infos)))
	for _, t := range r.Infos {
		b = binary.BigEndian.AppendUint16(b, uint16(t))
	}
	return b
}

// DecodeExportRequest is the inverse of ExportRequest.Append.
func DecodeExportRequest(b []byte) (ExportRequest, error) {
	name, b, err := cutString(b)
	if err != nil {
		return ExportRequest{}, fmt.Errorf("export name: %w", err)
	}
	if len(b) < 2 || len(b)-2 != 2*int(binary.BigEndian.Uint16(b)) {
		return ExportRequest{}, fmt.Errorf("information requests: %w", ErrMalformed)
	}
	r := ExportRequest{Name: name}
	for b = b[2:]; len(b) > 0; b = b[2:] {
		r.Infos = append(r.Infos, InfoType(binary.BigEndian.Uint16(b)))
	}
	return r, nil
}

// A MetaRequest is the payload of LIST_META_CONTEXT and SET_META_CONTEXT.
type MetaRequest struct {
	Name    string
	Queries []string
}

// Append encodes r.
func (r MetaRequest) Append(b []byte) []byte {
	b = appendString(b, r.Name)
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.Queries)))
	for _, q := range r.Queries {
		b = appendString(b, q)
	}
	return b
}

// DecodeMetaRequest is the inverse of MetaRequest.Append.
func DecodeMetaRequest(b []byte) (MetaRequest, error) {
	name, b, err := cutString(b)
	if err != nil {
		return MetaRequest{}, fmt.Errorf("export name: %w", err)
	}
	if len(b) < 4 {
		return MetaRequest{}, fmt.Errorf("number of queries: %w", ErrMalformed)
	}
	n := binary.BigEndian.Uint32(b)
	r := MetaRequest{Name: name}
	for b = b[4:]; len(b) > 0; {
		var q string
		if q, b, err = cutString(b); err != nil {
			return MetaRequest{}, fmt.Errorf("query %d: %w", len(r.Queries), err)
		}
		r.Queries = append(r.Queries, q)
	}
	if uint64(len(r.Queries)) != uint64(n) {
		return MetaRequest{}, fmt.Errorf("%d queries announced, %d found: %w", n, len(r.Queries), ErrMalformed)
	}
	return r, nil
}

// appendString encodes a string with its length before it.
func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// cutString takes a string with its length before it off the front of b.
func cutString(b []byte) (s string, rest []byte, err error) {
	if len(b) < 4 {
		return "", nil, ErrMalformed
	}
	n := uint64(binary.BigEndian.Uint32(b))
	switch b = b[4:]; {
	case n > uint64(len(b)):
		return "", nil, ErrMalformed
	case n > MaxString:
		return "", nil, ErrTooBig
	}
	return string(b[:n]), b[n:], nil
}
