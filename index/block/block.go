package block

import (
	"bytes"
	"encoding/hex"
)

// Log2Size and Size are the length of a block in bytes. 64 KiB is the granularity of QEMU's dirty bitmaps and of
// VMware's changed block tracking; larger blocks store up to 25 times more for the same scattered change.
const (
	Log2Size = 16
	Size     = 1 << Log2Size
)

// An ID is the keyed BLAKE3-256 of a block's content.
type ID [32]byte

// String gives the ID in hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Count tells how many blocks a disk of size bytes has.
func Count(size int64) int64 { return (size + Size - 1) >> Log2Size }

// Len gives the length in bytes of block number n of a disk of size bytes; 0 beyond its end.
func Len(n, size int64) int {
	return int(max(0, min(Size, size-n<<Log2Size)))
}

var zeros [Size]byte

// IsZero reports whether every byte of p is zero. p is at most Size bytes long.
func IsZero(p []byte) bool { return bytes.Equal(p, zeros[:len(p)]) }

// A Range is a run of whole blocks: First is a number, N > 0 counts blocks.
type Range struct{ First, N int64 }

// End is the number after the last block of r.
func (r Range) End() int64 { return r.First + r.N }

// Outer gives the blocks that the bytes [off, off+n) touch, n > 0.
func Outer(off, n int64) Range {
	first := off >> Log2Size
	return Range{first, Count(off+n) - first}
}

// Inner gives the blocks that lie wholly inside the bytes [off, off+n) of a disk of size bytes, of which the short
// last one counts as whole when the range reaches the disk's end. N may be 0.
func Inner(off, n, size int64) Range {
	first := Count(off)
	end := (off + n) >> Log2Size
	if off+n >= size {
		end = Count(size)
	}
	return Range{first, max(0, end-first)}
}
