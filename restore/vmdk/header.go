package vmdk

import "encoding/binary"

// Sizes, in bytes but for grainSectors.
const (
	sectorSize   = 512
	grainSectors = 128
	grainSize    = grainSectors * sectorSize
	tableEntries = 512 // grains that a table tells of
	tableSize    = 4 * tableEntries
	tableSpan    = tableEntries * grainSize // of the disk
)

// maxDisk is the largest disk of vSphere, 62 TiB ("vSphere Configuration Maximums").
const maxDisk = 62 << 40

// Flags of a header.
const (
	flagNewlines  = 1 << 0 // there are line ends in it, by which copying as text shows
	flagRedundant = 1 << 1 // there are two directories
	flagPacked    = 1 << 16
	flagMarkers   = 1 << 17
)

const atEnd = ^uint64(0) // as the place of a directory: the footer says it

// A header begins a sparse extent, "Hosted Sparse Extents", struct SparseExtentHeader. Little endian, 512 bytes:
//
//	0 magic KDMV  4 version  8 flags  12 capacity  20 grain  28 descriptor at  36 its length  44 entries of a table
//	48 redundant directory at  56 directory at  64 overhead  72 unclean  73 line ends  77 compression  79 zeros
type header struct {
	version, flags            uint32
	capacity                  uint64 // of the disk; all in sectors
	descriptor, descriptorLen uint64
	redundant, directory      uint64
	overhead                  uint64 // before the first grain
	compression               uint16
}

func (h header) marshal() []byte {
	b := make([]byte, sectorSize)
	le := binary.LittleEndian
	copy(b, "KDMV")
	le.PutUint32(b[4:], h.version)
	le.PutUint32(b[8:], h.flags)
	le.PutUint64(b[12:], h.capacity)
	le.PutUint64(b[20:], grainSectors)
	le.PutUint64(b[28:], h.descriptor)
	le.PutUint64(b[36:], h.descriptorLen)
	le.PutUint32(b[44:], tableEntries)
	le.PutUint64(b[48:], h.redundant)
	le.PutUint64(b[56:], h.directory)
	le.PutUint64(b[64:], h.overhead)
	copy(b[73:], "\n \r\n")
	le.PutUint16(b[77:], h.compression)
	return b
}

// Kinds of markers.
const (
	markerEnd       = 0
	markerTable     = 1
	markerDirectory = 2
	markerFooter    = 3
)

// marker is a sector that says what comes next: 0 its sectors, 8 zero, 12 its kind. "Stream-Optimized Compressed", struct Marker.
func marker(kind uint32, sectors uint64) []byte {
	b := make([]byte, sectorSize)
	binary.LittleEndian.PutUint64(b, sectors)
	binary.LittleEndian.PutUint32(b[12:], kind)
	return b
}

// grainHeader is the length of what is before a compressed grain: 0 the sector of the disk, 8 the length of the compressed bytes.
const grainHeader = 12

// sectors counts those that bytes take.
func sectors(n int64) int64 { return (n + sectorSize - 1) / sectorSize }

// padding is how many bytes there are from n to the end of its sector.
func padding(n int64) int64 { return sectors(n)*sectorSize - n }
