// Package block holds the arithmetic of blocks: 64 KiB aligned pieces of a disk, the last one short, which are the
// unit of deduplication, compression and checksum.
//
//	disk   |----------------|----------------|-----|
//	block          0                1           2      Count = 3, Len(2) < Size
//
// Words: an offset counts bytes of a disk, a number counts blocks. A block's ID is the keyed BLAKE3-256 of its
// content, without padding: a short last block has an ID of its own. A disk's digest is the sum modulo 2^128 of one
// keyed term per block, so that it can be brought up to date from old and new IDs alone.
//
// The package is pure: bytes in, values out.
package block
