package qcow2

import (
	"encoding/binary"
	"fmt"
)

// Sizes, in bytes.
const (
	clusterBits = 16
	ClusterSize = 1 << clusterBits
	entrySize   = 8
	sectorSize  = 512
	headerSize  = 104 // of version 3, without the fields that came later

	l2Entries = ClusterSize / entrySize
	l2Span    = l2Entries * ClusterSize // of the disk: 512 MiB

	refcountOrder = 4 // refcounts of 1<<4 bits: QEMU's default, all others are read by some tools alone
	refcounts     = ClusterSize * 8 >> refcountOrder
)

// maxDisk is what an L1 table of 32 MiB tells of, the largest that QEMU opens: block/qcow2.h, QCOW_MAX_L1_SIZE.
const maxDisk = 32 << 20 / entrySize * l2Span

// copied in an entry of an L1 or L2 table marks a cluster whose refcount is 1: "Cluster mapping".
const copied = 1 << 63

// offsetMask takes out of an entry where the cluster is: "Cluster mapping", bits 9 to 55.
const offsetMask = 1<<56 - 1<<9

// A header begins an image, "Header". Big endian, in a cluster of its own:
//
//	0 magic QFI\xfb  4 version  8 backing file at  16 its length  20 bits of a cluster  24 size of the disk  32 encryption
//	36 entries of L1  40 L1 at  48 refcount table at  56 its clusters  60 snapshots  64 they are at
//	72 incompatible features  80 compatible ones  88 those that clear themselves  96 refcount order  100 length  104 no extensions
type header struct {
	size             uint64 // of the disk
	l1Len            uint32 // entries
	l1               uint64 // offset in the file, as are those that follow
	refcountTable    uint64
	refcountClusters uint32
}

const magic = "QFI\xfb"

func (h header) marshal() []byte {
	b := make([]byte, ClusterSize)
	be := binary.BigEndian
	copy(b, magic)
	be.PutUint32(b[4:], 3)
	be.PutUint32(b[20:], clusterBits)
	be.PutUint64(b[24:], h.size)
	be.PutUint32(b[36:], h.l1Len)
	be.PutUint64(b[40:], h.l1)
	be.PutUint64(b[48:], h.refcountTable)
	be.PutUint32(b[56:], h.refcountClusters)
	be.PutUint32(b[96:], refcountOrder)
	be.PutUint32(b[100:], headerSize)
	return b
}

// unmarshal takes a header apart that is as marshal makes them, and no other.
func (h *header) unmarshal(b []byte) error {
	be := binary.BigEndian
	h.size, h.l1Len, h.l1 = be.Uint64(b[24:]), be.Uint32(b[36:]), be.Uint64(b[40:])
	h.refcountTable, h.refcountClusters = be.Uint64(b[48:]), be.Uint32(b[56:])
	switch {
	case string(b) != string(h.marshal()[:len(b)]):
		return fmt.Errorf("%w: another header", ErrBad)
	case h.size > maxDisk || uint64(h.l1Len) != spans(h.size):
		return fmt.Errorf("%w: a table of %d entries for %d bytes", ErrBad, h.l1Len, h.size)
	}
	return nil
}

// spans counts the L2 tables that tell of a disk.
func spans(size uint64) uint64 { return (size + l2Span - 1) / l2Span }

// clusters counts those that bytes take.
func clusters(n int64) int64 { return (n + ClusterSize - 1) / ClusterSize }

// numbers puts a table into whole clusters.
func numbers(table []uint64) []byte {
	b := make([]byte, clusters(int64(entrySize*len(table)))*ClusterSize)
	for i, v := range table {
		binary.BigEndian.PutUint64(b[entrySize*i:], v)
	}
	return b
}
