package seal

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"

	"github.com/zeebo/xxh3"

	"vbfs/index/format"
)

// checksum stands in the place of a cipher where a repository is not encrypted: the bytes as they are, then
// XXH3-128 over the length of the associated data (8 bytes), the associated data, the nonce and the bytes.
type checksum struct{}

var _ cipher.AEAD = checksum{}

var errSum = errors.New("checksum does not match")

func (checksum) NonceSize() int { return 12 }
func (checksum) Overhead() int  { return format.TagSize }

func (checksum) Seal(dst, nonce, plain, data []byte) []byte {
	tag := sum(nonce, plain, data)
	return append(append(dst, plain...), tag[:]...)
}

func (checksum) Open(dst, nonce, sealed, data []byte) ([]byte, error) {
	n := len(sealed) - format.TagSize
	if n < 0 {
		return nil, errSum
	}
	if tag := sum(nonce, sealed[:n], data); string(tag[:]) != string(sealed[n:]) {
		return nil, errSum
	}
	return append(dst, sealed[:n]...), nil
}

func sum(nonce, plain, data []byte) [16]byte {
	var h xxh3.Hasher
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(data))))
	h.Write(data)
	h.Write(nonce)
	h.Write(plain)
	return h.Sum128().Bytes()
}
