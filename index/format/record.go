package format

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"
)

// A record is a list of fields in ascending order of tag, a repeated one in the order of its values:
//
//	0  2  tag, bit 15 set when the field is critical
//	2  4  length n
//	6  n  value
//
// A field whose value is zero is left out. Integers are 8 bytes, times nanoseconds since 1970 in UTC.
const (
	fieldHeader = 6
	critical    = 1 << 15
	maxRecord   = 64 << 20 // bytes; the largest is a manifest with its configuration blobs
	maxFields   = 1 << 16  // of a record: 6 bytes of an empty disk would become 400 in memory, without a bound
)

// An Extra is a field that this release does not know and carries along.
type Extra struct {
	Tag   uint16
	Value []byte
}

// A field binds one tag to the place of its value, for both directions.
type field struct {
	tag uint16
	put func() [][]byte // the encoded values, none when zero
	set func([]byte) error
}

// A record is what has fields.
type record interface {
	fields() []field
	extras() *[]Extra
}

func encode(r record) []byte {
	all := slices.Clone(*r.extras())
	for _, f := range r.fields() {
		for _, v := range f.put() {
			all = append(all, Extra{f.tag, v})
		}
	}
	slices.SortStableFunc(all, func(a, b Extra) int { return int(a.Tag&^critical) - int(b.Tag&^critical) })
	var out []byte
	for _, f := range all {
		out = binary.LittleEndian.AppendUint16(out, f.Tag)
		out = binary.LittleEndian.AppendUint32(out, uint32(len(f.Value)))
		out = append(out, f.Value...)
	}
	return out
}

// decode fills r from b, which it keeps no part of, and refuses what does not encode to the same bytes again.
func decode(r record, b []byte) error {
	if len(b) > maxRecord {
		return malformed("record of %d bytes", len(b))
	}
	known := map[uint16]field{}
	for _, f := range r.fields() {
		known[f.tag&^critical] = f
	}
	for rest, n := b, 0; len(rest) > 0; n++ {
		if n == maxFields {
			return malformed("record of more than %d fields", maxFields)
		}
		if len(rest) < fieldHeader {
			return malformed("record ends inside a field")
		}
		tag, n := binary.LittleEndian.Uint16(rest), binary.LittleEndian.Uint32(rest[2:])
		if uint64(n) > uint64(len(rest)-fieldHeader) {
			return malformed("field %d of %d bytes in the %d left", tag&^critical, n, len(rest)-fieldHeader)
		}
		value := rest[fieldHeader:][:n]
		rest = rest[fieldHeader+n:]
		if err := take(r, known, tag, value); err != nil {
			return err
		}
	}
	if !bytes.Equal(encode(r), b) {
		return malformed("record is not in its one encoding")
	}
	return nil
}

func take(r record, known map[uint16]field, tag uint16, value []byte) error {
	f, ok := known[tag&^critical]
	switch {
	case ok:
		return f.set(value)
	case tag&critical != 0:
		return unknown("critical field %d", tag&^critical)
	}
	*r.extras() = append(*r.extras(), Extra{tag, bytes.Clone(value)})
	return nil
}

func text(tag uint16, p *string) field {
	return field{tag,
		func() [][]byte { return nonEmpty([]byte(*p)) },
		func(b []byte) error { *p = string(b); return nil }}
}

func blob(tag uint16, p *[]byte) field {
	return field{tag,
		func() [][]byte { return nonEmpty(*p) },
		func(b []byte) error { *p = bytes.Clone(b); return nil }}
}

func texts(tag uint16, p *[]string) field {
	return field{tag,
		func() (out [][]byte) {
			for _, s := range *p {
				out = append(out, []byte(s))
			}
			return out
		},
		func(b []byte) error { *p = append(*p, string(b)); return nil }}
}

func number[T ~int64 | ~uint64 | ~uint32 | ~uint16 | ~uint8](tag uint16, p *T) field {
	return field{tag,
		func() [][]byte {
			if *p == 0 {
				return nil
			}
			return [][]byte{binary.LittleEndian.AppendUint64(nil, uint64(*p))}
		},
		func(b []byte) error {
			if len(b) != 8 {
				return malformed("number of %d bytes", len(b))
			}
			*p = T(binary.LittleEndian.Uint64(b))
			return nil
		}}
}

func flag(tag uint16, p *bool) field {
	return field{tag,
		func() [][]byte {
			if !*p {
				return nil
			}
			return [][]byte{{1}}
		},
		func(b []byte) error { *p = true; return nil }}
}

func instant(tag uint16, p *time.Time) field {
	var ns int64
	f := number(tag, &ns)
	return field{tag,
		func() [][]byte {
			ns = 0
			if !p.IsZero() {
				ns = p.UnixNano()
			}
			return f.put()
		},
		func(b []byte) error {
			err := f.set(b)
			*p = time.Unix(0, ns).UTC()
			return err
		}}
}

// fixed is a field of exactly len(p) bytes, left out when all are zero. p aliases an array in the record.
func fixed(tag uint16, p []byte) field {
	return field{tag,
		func() [][]byte {
			if !slices.ContainsFunc(p, func(c byte) bool { return c != 0 }) {
				return nil
			}
			return [][]byte{bytes.Clone(p)}
		},
		func(b []byte) error {
			if len(b) != len(p) {
				return malformed("field %d of %d bytes, not %d", tag&^critical, len(b), len(p))
			}
			copy(p, b)
			return nil
		}}
}

// records is a repeated field of nested records.
func records[T any, P interface {
	*T
	record
}](tag uint16, p *[]T) field {
	return field{tag,
		func() (out [][]byte) {
			for i := range *p {
				out = append(out, encode(P(&(*p)[i])))
			}
			return out
		},
		func(b []byte) error {
			var v T
			if err := decode(P(&v), b); err != nil {
				return err
			}
			*p = append(*p, v)
			return nil
		}}
}

func nonEmpty(b []byte) [][]byte {
	if len(b) == 0 {
		return nil
	}
	return [][]byte{b}
}
