package format

import (
	"bytes"
	"encoding/binary"
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

// A record is what has fields: those that this release knows, in ascending order of tag, and the others as they came.
type record interface {
	fields() []field
	extras() *[]Extra
}

// A field binds one tag to the place of its value.
type field struct {
	tag uint16
	value
}

// A value is the place of a field's value, for both directions.
type value interface {
	// append appends the field, or each of a repeated one; nothing when it is zero.
	append(b []byte, tag uint16) []byte
	// set takes the value, or one more of a repeated one, and keeps no part of b.
	set(b []byte) error
}

func tagNumber(tag uint16) uint16 { return tag &^ critical }

func encode(r record) []byte { return appendRecord(nil, r) }

// appendRecord merges the known fields with the others, which are in order, too.
func appendRecord(b []byte, r record) []byte {
	extras := *r.extras()
	for _, f := range r.fields() {
		for len(extras) > 0 && tagNumber(extras[0].Tag) < tagNumber(f.tag) {
			b, extras = appendField(b, extras[0].Tag, extras[0].Value), extras[1:]
		}
		b = f.value.append(b, f.tag)
	}
	for _, e := range extras {
		b = appendField(b, e.Tag, e.Value)
	}
	return b
}

func appendField(b []byte, tag uint16, v []byte) []byte {
	return append(appendHead(b, tag, len(v)), v...)
}

func appendHead(b []byte, tag uint16, n int) []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint16(b, tag), uint32(n))
}

// decode fills r from b, which it keeps no part of, and refuses what does not encode to the same bytes again.
func decode(r record, b []byte) error {
	if len(b) > maxRecord {
		return malformed("record of %d bytes", len(b))
	}
	if err := scan(r, b); err != nil {
		return err
	}
	if !bytes.Equal(appendRecord(make([]byte, 0, len(b)), r), b) {
		return malformed("record is not in its one encoding")
	}
	return nil
}

// scan takes the fields of b.
func scan(r record, b []byte) error {
	known := r.fields()
	last := uint16(0)
	for n := 0; len(b) > 0; n++ {
		tag, v, rest, err := cutField(b)
		if err != nil {
			return err
		}
		if n == maxFields || tagNumber(tag) < last {
			return malformed("record of too many fields, or out of order at field %d", tagNumber(tag))
		}
		b, last = rest, tagNumber(tag)
		for len(known) > 0 && tagNumber(known[0].tag) < last {
			known = known[1:]
		}
		if err := take(r, known, tag, v); err != nil {
			return err
		}
	}
	return nil
}

// take puts one field in its place, which is the first of known if it is known at all.
func take(r record, known []field, tag uint16, v []byte) error {
	switch {
	case len(known) > 0 && known[0].tag == tag:
		return known[0].set(v)
	case len(known) > 0 && tagNumber(known[0].tag) == tagNumber(tag):
		return malformed("field %d has its critical bit wrong", tagNumber(tag))
	case tag&critical != 0:
		return unknown("critical field %d", tagNumber(tag))
	}
	*r.extras() = append(*r.extras(), Extra{tag, bytes.Clone(v)})
	return nil
}

func cutField(b []byte) (tag uint16, v, rest []byte, err error) {
	if len(b) < fieldHeader {
		return 0, nil, nil, malformed("record ends inside a field")
	}
	tag = binary.LittleEndian.Uint16(b)
	n := binary.LittleEndian.Uint32(b[2:])
	if uint64(n) > uint64(len(b)-fieldHeader) {
		return 0, nil, nil, malformed("field %d of %d bytes in the %d left", tagNumber(tag), n, len(b)-fieldHeader)
	}
	return tag, b[fieldHeader:][:n], b[fieldHeader+n:], nil
}
