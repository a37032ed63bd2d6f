package fs

import (
	"crypto/sha256"
	"encoding/binary"
	"io"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
)

// identity gives the number of a node from what it is: its type and the names that lead to it. go-fuse takes nodes of
// equal identity for one, so it has 126 bits of a cryptographic hash: nobody can give a disk a name that makes it another.
func identity(mode uint32, what ...string) fusefs.StableAttr {
	h := sha256.New()
	for _, s := range what {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(s))))
		io.WriteString(h, s)
	}
	sum := h.Sum(nil)
	// 0, 1 and those with the highest bit have meanings of their own.
	ino := binary.LittleEndian.Uint64(sum)&^(1<<63) | 2
	return fusefs.StableAttr{Mode: mode, Ino: ino, Gen: binary.LittleEndian.Uint64(sum[8:])}
}
