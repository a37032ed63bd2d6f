package format

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

// A framed object is what is read before there is a key. The sum notices damage; authenticity comes later, from the
// keyring.
//
//	0    8  magic "vbfsopen"
//	8    2  version
//	10   2  kind
//	12   4  length n of the record
//	16   n  record
//	16+n 16 XXH3-128 of all before
const (
	framedMagic  = "vbfsopen"
	framedHeader = 16
	framedSum    = 16
	maxFramed    = 64 << 10
)

func frame(k Kind, r record) []byte {
	body := encode(r)
	b := append(make([]byte, 0, framedHeader+len(body)+framedSum), framedMagic...)
	b = binary.LittleEndian.AppendUint16(b, Version)
	b = binary.LittleEndian.AppendUint16(b, uint16(k))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)))
	b = append(b, body...)
	sum := xxh3.Hash128(b).Bytes()
	return append(b, sum[:]...)
}

func unframe(k Kind, r record, b []byte) error {
	if len(b) < framedHeader+framedSum || len(b) > maxFramed || string(b[:8]) != framedMagic {
		return malformed("not a %v of a vbfs repository", k)
	}
	if v := binary.LittleEndian.Uint16(b[8:]); v != Version {
		return unknown("%v of format version %d; this release knows %d", k, v, Version)
	}
	if got := Kind(binary.LittleEndian.Uint16(b[10:])); got != k {
		return malformed("%v where a %v should be", got, k)
	}
	if n := binary.LittleEndian.Uint32(b[12:]); int(n) != len(b)-framedHeader-framedSum {
		return malformed("%v of %d bytes says that it has %d", k, len(b)-framedHeader-framedSum, n)
	}
	body := b[:len(b)-framedSum]
	if sum := xxh3.Hash128(body).Bytes(); string(sum[:]) != string(b[len(body):]) {
		return malformed("%v does not match its sum", k)
	}
	return decode(r, body[framedHeader:])
}
