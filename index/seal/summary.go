package seal

import (
	"crypto/rand"
	"encoding/binary"

	"vbfs/index/format"
)

// Summaries in a catalog share one key for each master key, under random nonces: a catalog has thousands, and is read as
// a whole before the first answer. A key is good for 2^32 of them.
//
//	0   4     key number
//	4   12    nonce
//	16  n+16  sealed body
const summaryHeader = 16

// SealSummary makes the bytes of a point's summary.
func (r *Ring) SealSummary(point format.UUID, body []byte) []byte {
	m := r.known.Load()
	c := m.summaries[m.current]
	b := binary.LittleEndian.AppendUint32(nil, m.current)
	b = append(b, make([]byte, c.NonceSize())...)
	rand.Read(b[4:])
	return c.Seal(b, b[4:], body, append(r.place("summary"), point[:]...))
}

// OpenSummary gives the body that SealSummary sealed for that point. It learns no keys: the manifest, which is opened when
// the summary is not, has them learned.
func (r *Ring) OpenSummary(point format.UUID, b []byte) ([]byte, error) {
	if len(b) < summaryHeader+format.TagSize {
		return nil, format.ErrMalformed
	}
	c, ok := r.known.Load().summaries[binary.LittleEndian.Uint32(b)]
	if !ok {
		return nil, ErrKey
	}
	return c.Open(nil, b[4:summaryHeader], b[summaryHeader:], append(r.place("summary"), point[:]...))
}
