package proto

import (
	"encoding/binary"
	"fmt"
)

// A Failure is the payload of an error chunk. One that knows where in the export the error was met is of another type.
type Failure struct {
	Err     Errno
	Message string
	At      *uint64 // nil in a ChunkError, the offset in a ChunkErrorOffset
}

// Type is the type of the chunk that carries f.
func (f Failure) Type() ChunkType {
	if f.At != nil {
		return ChunkErrorOffset
	}
	return ChunkError
}

// Len is the encoded length of f in bytes.
func (f Failure) Len() uint32 {
	n := 6 + len(f.Message)
	if f.At != nil {
		n += 8
	}
	return uint32(n)
}

// Append encodes f.
func (f Failure) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(f.Err))
	b = binary.BigEndian.AppendUint16(b, uint16(len(f.Message)))
	b = append(b, f.Message...)
	if f.At != nil {
		b = binary.BigEndian.AppendUint64(b, *f.At)
	}
	return b
}

// DecodeFailure is the inverse of Failure.Append for a chunk of type t.
func DecodeFailure(t ChunkType, b []byte) (Failure, error) {
	if len(b) < 6 {
		return Failure{}, fmt.Errorf("error chunk: %w", ErrMalformed)
	}
	f := Failure{Err: Errno(binary.BigEndian.Uint32(b))}
	n, b := int(binary.BigEndian.Uint16(b[4:])), b[6:]
	switch {
	case n > MaxString:
		return Failure{}, fmt.Errorf("error chunk: %w", ErrTooBig)
	case t == ChunkErrorOffset && len(b) == n+8:
		at := binary.BigEndian.Uint64(b[n:])
		f.At = &at
	case t != ChunkError || len(b) != n:
		return Failure{}, fmt.Errorf("error chunk: %w", ErrMalformed)
	}
	f.Message = string(b[:n])
	return f, nil
}
