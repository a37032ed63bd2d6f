package block

import (
	"encoding/binary"
	"math/bits"

	"github.com/zeebo/blake3"
)

// A Summer makes block IDs under one key. It is not safe for concurrent use: one for each goroutine.
type Summer struct {
	h   *blake3.Hasher
	out [32]byte // kept here so that Sum does not allocate
}

// NewSummer makes a Summer for a key.
func NewSummer(key [32]byte) *Summer {
	h, err := blake3.NewKeyed(key[:])
	if err != nil { // only a wrong key length, which the type excludes
		panic(err)
	}
	return &Summer{h: h}
}

// Sum gives the ID of a block's content.
func (s *Summer) Sum(p []byte) ID {
	s.h.Reset()
	s.h.Write(p)
	s.h.Sum(s.out[:0])
	return s.out
}

// A Digest is a sum modulo 2^128 of terms, one for each block that is not zero: two 64-bit halves, low first.
type Digest struct{ Lo, Hi uint64 }

// Add gives d + e.
func (d Digest) Add(e Digest) Digest {
	lo, carry := bits.Add64(d.Lo, e.Lo, 0)
	hi, _ := bits.Add64(d.Hi, e.Hi, carry)
	return Digest{lo, hi}
}

// Sub gives d - e.
func (d Digest) Sub(e Digest) Digest {
	lo, borrow := bits.Sub64(d.Lo, e.Lo, 0)
	hi, _ := bits.Sub64(d.Hi, e.Hi, borrow)
	return Digest{lo, hi}
}

// Unknown stands for the ID of a block whose content is not known, in terms of a digest.
var Unknown = func() (id ID) {
	for i := range id {
		id[i] = 0xff
	}
	return id
}()

// Term is what block number n with that ID adds to its disk's digest: the first 16 bytes of
// keyed BLAKE3(n as 8 bytes little endian, ID). Zero blocks add nothing and have no ID.
func (s *Summer) Term(n int64, id ID) Digest {
	var in [40]byte
	binary.LittleEndian.PutUint64(in[:8], uint64(n))
	copy(in[8:], id[:])
	t := s.Sum(in[:])
	return Digest{binary.LittleEndian.Uint64(t[:8]), binary.LittleEndian.Uint64(t[8:16])}
}
