package format

import (
	"crypto/cipher"
	"encoding/binary"
)

// A sealed object is a header in the clear and a body sealed under a key of its own, made from the master key that
// the header names and the salt. The associated data are the whole header, the repository's ID and the object's name.
//
//	0   8     magic "vbfsseal"
//	8   2     version
//	10  2     kind
//	12  4     key number
//	16  32    salt
//	48  4     length n of the body
//	52  n+16  sealed body, nonce zero
const (
	sealedMagic  = "vbfsseal"
	SealedHeader = 52
	TagSize      = 16                     // of AES-256-GCM and of XXH3-128
	SealedEmpty  = SealedHeader + TagSize // bytes of an object without a body
	MaxSealed    = 128 << 20              // bytes of an object; a reader allocates no more
)

// An Envelope is the header of a sealed object.
type Envelope struct {
	Kind Kind
	Key  uint32
	Salt [32]byte
}

// An AEAD gives the cipher of an object: package seal derives it from the ring, and from the name that binds it.
type AEAD func(e Envelope) (cipher.AEAD, error)

// Seal makes a sealed object. place is the repository's ID and the object's name.
func Seal(e Envelope, key AEAD, place, body []byte) ([]byte, error) {
	c, err := key(e)
	if err != nil {
		return nil, err
	}
	b := append(make([]byte, 0, SealedHeader+len(body)+TagSize), sealedMagic...)
	b = binary.LittleEndian.AppendUint16(b, Version)
	b = binary.LittleEndian.AppendUint16(b, uint16(e.Kind))
	b = binary.LittleEndian.AppendUint32(b, e.Key)
	b = append(b, e.Salt[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)))
	return c.Seal(b, make([]byte, c.NonceSize()), body, append(b[:SealedHeader:SealedHeader], place...)), nil
}

// ParseEnvelope reads a sealed object's header and checks its length.
func ParseEnvelope(b []byte) (e Envelope, err error) {
	if len(b) < SealedHeader+TagSize || len(b) > MaxSealed || string(b[:8]) != sealedMagic {
		return e, malformed("not a sealed object")
	}
	if v := binary.LittleEndian.Uint16(b[8:]); v != Version {
		return e, unknown("object of format version %d; this release knows %d", v, Version)
	}
	if n := binary.LittleEndian.Uint32(b[48:]); uint64(n) != uint64(len(b)-SealedHeader-TagSize) {
		return e, malformed("object of %d bytes says that its body has %d", len(b), n)
	}
	e.Kind = Kind(binary.LittleEndian.Uint16(b[10:]))
	e.Key = binary.LittleEndian.Uint32(b[12:])
	copy(e.Salt[:], b[16:])
	return e, nil
}

// Open gives the body of a sealed object that should be of kind k.
func Open(k Kind, key AEAD, place, b []byte) ([]byte, error) {
	e, err := ParseEnvelope(b)
	if err != nil {
		return nil, err
	}
	if e.Kind != k {
		return nil, malformed("%v where a %v should be", e.Kind, k)
	}
	c, err := key(e)
	if err != nil {
		return nil, err
	}
	body, err := c.Open(nil, make([]byte, c.NonceSize()), b[SealedHeader:], append(b[:SealedHeader:SealedHeader], place...))
	if err != nil {
		return nil, malformed("%v is not authentic", k)
	}
	return body, nil
}
