package format

import (
	"bytes"
	"encoding/binary"
	"time"
)

// The places of values. Each is one pointer, so that a list of fields costs one allocation: a catalog has thousands of
// records, and is read before the first answer.
type (
	textAt    struct{ p *string }
	textsAt   struct{ p *[]string }
	bytesAt   struct{ p *[]byte }
	fixed16At struct{ p *[16]byte }
	fixed32At struct{ p *[32]byte }
	flagAt    struct{ p *bool }
	timeAt    struct{ p *time.Time }
)

func text(tag uint16, p *string) field       { return field{tag, textAt{p}} }
func texts(tag uint16, p *[]string) field    { return field{tag, textsAt{p}} }
func blob(tag uint16, p *[]byte) field       { return field{tag, bytesAt{p}} }
func fixed16(tag uint16, p *[16]byte) field  { return field{tag, fixed16At{p}} }
func fixed32(tag uint16, p *[32]byte) field  { return field{tag, fixed32At{p}} }
func flag(tag uint16, p *bool) field         { return field{tag, flagAt{p}} }
func instant(tag uint16, p *time.Time) field { return field{tag, timeAt{p}} }

func uuidField(tag uint16, p *UUID) field { return field{tag, fixed16At{(*[16]byte)(p)}} }

func (v textAt) append(b []byte, tag uint16) []byte {
	if *v.p == "" {
		return b
	}
	return append(appendHead(b, tag, len(*v.p)), *v.p...)
}

func (v textAt) set(b []byte) error { *v.p = string(b); return nil }

func (v textsAt) append(b []byte, tag uint16) []byte {
	for _, s := range *v.p {
		b = append(appendHead(b, tag, len(s)), s...)
	}
	return b
}

func (v textsAt) set(b []byte) error { *v.p = append(*v.p, string(b)); return nil }

func (v bytesAt) append(b []byte, tag uint16) []byte {
	if len(*v.p) == 0 {
		return b
	}
	return appendField(b, tag, *v.p)
}

func (v bytesAt) set(b []byte) error { *v.p = bytes.Clone(b); return nil }

func (v fixed16At) append(b []byte, tag uint16) []byte {
	if *v.p == [16]byte{} {
		return b
	}
	return appendField(b, tag, v.p[:])
}

func (v fixed16At) set(b []byte) error { return setFixed(v.p[:], b) }

func (v fixed32At) append(b []byte, tag uint16) []byte {
	if *v.p == [32]byte{} {
		return b
	}
	return appendField(b, tag, v.p[:])
}

func (v fixed32At) set(b []byte) error { return setFixed(v.p[:], b) }

func setFixed(p, b []byte) error {
	if len(b) != len(p) {
		return malformed("value of %d bytes, not %d", len(b), len(p))
	}
	copy(p, b)
	return nil
}

func (v flagAt) append(b []byte, tag uint16) []byte {
	if !*v.p {
		return b
	}
	return append(appendHead(b, tag, 1), 1)
}

func (v flagAt) set([]byte) error { *v.p = true; return nil }

func (v timeAt) append(b []byte, tag uint16) []byte {
	if v.p.IsZero() {
		return b
	}
	return appendNumber(b, tag, uint64(v.p.UnixNano()))
}

func (v timeAt) set(b []byte) error {
	var ns int64
	err := numberAt[int64]{&ns}.set(b)
	*v.p = time.Unix(0, ns).UTC()
	return err
}

// An integer is what a number field may be in memory. Stored, it has 8 bytes.
type integer interface {
	~int64 | ~uint64 | ~uint32 | ~uint16 | ~uint8
}

type numberAt[T integer] struct{ p *T }

func number[T integer](tag uint16, p *T) field { return field{tag, numberAt[T]{p}} }

func (v numberAt[T]) append(b []byte, tag uint16) []byte {
	if *v.p == 0 {
		return b
	}
	return appendNumber(b, tag, uint64(*v.p))
}

func (v numberAt[T]) set(b []byte) error {
	if len(b) != 8 {
		return malformed("number of %d bytes", len(b))
	}
	*v.p = T(binary.LittleEndian.Uint64(b))
	return nil
}

func appendNumber(b []byte, tag uint16, n uint64) []byte {
	return binary.LittleEndian.AppendUint64(appendHead(b, tag, 8), n)
}

// recordsAt is a repeated field of nested records.
type recordsAt[T any, P interface {
	*T
	record
}] struct{ p *[]T }

func records[T any, P interface {
	*T
	record
}](tag uint16, p *[]T) field {
	return field{tag, recordsAt[T, P]{p}}
}

func (v recordsAt[T, P]) append(b []byte, tag uint16) []byte {
	for i := range *v.p {
		head := len(b)
		b = appendRecord(appendHead(b, tag, 0), P(&(*v.p)[i]))
		binary.LittleEndian.PutUint32(b[head+2:], uint32(len(b)-head-fieldHeader))
	}
	return b
}

func (v recordsAt[T, P]) set(b []byte) error {
	*v.p = append(*v.p, *new(T))
	return scan(P(&(*v.p)[len(*v.p)-1]), b)
}
