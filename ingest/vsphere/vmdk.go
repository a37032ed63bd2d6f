package vsphere

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"strings"

	"vbfs/ingest"
)

// The header of a sparse extent, little endian: VMware, Virtual Disk Format 5.0, "Hosted Sparse Extent Header". 512 bytes.
//
//	0 magic KDMV  4 version  8 flags  12 capacity  20 grain size  28 descriptor at  36 its size  44 entries of a grain table
//	48 redundant directory  56 grain directory at  64 overhead  77 compression
//
// All sizes and places are in sectors. The directory's place of all ones is: at the end, in a footer.
const (
	sparseMagic  = 0x564d444b
	flagsPacked  = 1<<16 | 1<<17 // compressed grains, markers
	deflate      = 1
	atEnd        = ^uint64(0)
	maxGrain     = 1 << 20   // bytes; VMware's are 64 KiB
	maxOverhead  = 256 << 20 // bytes: a directory at the beginning of a disk of 2 TiB
	tableEntries = 512
	markerEnd    = 0
	markerFooter = 3
	maxMetadata  = 1 << 20 // sectors of one marker
	markerHeader = 12      // bytes: a sector's number and a size
)

// A packed is a streamOptimized VMDK on its way.
type packed struct {
	r         *bufio.Reader
	capacity  int64 // bytes
	grainSize int64 // bytes
	have      []uint64
	ended     bool
	listed    []uint64 // grains that the directory at the beginning lists; nil is: there is none

	raw, grown []byte // rooms for one grain
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrStream}, args...)...)
}

// readHeader checks what comes first. Nothing it says makes anybody look into another file.
func readHeader(r io.Reader, capacity int64) (*packed, error) {
	v := &packed{r: bufio.NewReaderSize(r, 256<<10), capacity: capacity}
	h := make([]byte, sectorSize)
	if _, err := io.ReadFull(v.r, h); err != nil {
		return nil, damaged("no header: %w", err)
	}
	le := binary.LittleEndian
	sectors, grain, overhead := le.Uint64(h[12:]), le.Uint64(h[20:]), le.Uint64(h[64:])
	switch {
	case le.Uint32(h) != sparseMagic || le.Uint32(h[8:])&flagsPacked != flagsPacked || le.Uint16(h[77:]) != deflate:
		return nil, damaged("it is no streamOptimized VMDK")
	case sectors != uint64(capacity/sectorSize) || capacity%sectorSize != 0:
		return nil, damaged("it is of a disk of %d sectors, not of %d bytes", sectors, capacity)
	case grain == 0 || bits.OnesCount64(grain) != 1 || grain > maxGrain/sectorSize:
		return nil, damaged("grains of %d sectors", grain)
	case overhead == 0 || overhead > maxOverhead/sectorSize:
		return nil, damaged("%d sectors before the first grain", overhead)
	}
	v.grainSize = int64(grain) * sectorSize
	v.have = make([]uint64, (v.grains()+63)/64)
	v.raw, v.grown = make([]byte, 2*v.grainSize+sectorSize), make([]byte, v.grainSize)
	var head bytes.Buffer
	head.Write(h)
	if _, err := io.CopyN(&head, v.r, int64(overhead-1)*sectorSize); err != nil {
		return nil, damaged("it ends before the first grain: %w", err)
	}
	return v, v.begin(head.Bytes())
}

func (v *packed) grains() int64 { return (v.capacity + v.grainSize - 1) / v.grainSize }

// begin reads the descriptor, and the directory if it is here.
func (v *packed) begin(head []byte) error {
	le := binary.LittleEndian
	at, n := le.Uint64(head[28:]), le.Uint64(head[36:])
	if at > 0 && at < uint64(len(head)/sectorSize) && n <= uint64(len(head)/sectorSize)-at {
		text := string(bytes.Trim(head[at*sectorSize:(at+n)*sectorSize], "\x00"))
		if d, err := parseDescriptor([]byte(text)); err != nil || d.parent || !strings.EqualFold(d.createType, "streamOptimized") {
			return damaged("its descriptor is of type %q, with a parent: %t", d.createType, d.parent)
		}
	}
	directory := le.Uint64(head[56:])
	if directory == atEnd {
		return nil
	}
	v.listed = make([]uint64, len(v.have))
	for table := range (v.grains() + tableEntries - 1) / tableEntries {
		place := uint64(entry(head, directory, table))
		if place == 0 {
			continue
		}
		for i := range int64(tableEntries) {
			if n := table*tableEntries + i; n < v.grains() && entry(head, place, i) != 0 {
				v.listed[n/64] |= 1 << (n % 64)
			}
		}
	}
	return nil
}

// entry is the i-th of a table at a sector. What lies outside of the head is none: then grains come that are not listed.
func entry(head []byte, sector uint64, i int64) uint32 {
	if sector > maxOverhead/sectorSize {
		return 0
	}
	at := int64(sector)*sectorSize + 4*i
	if at+4 > int64(len(head)) {
		return 0
	}
	return binary.LittleEndian.Uint32(head[at:])
}

// grain gives the next one, its number and bytes. After the last one it is io.EOF. "Stream-Optimized Compressed Sparse Extents".
func (v *packed) grain() (n int64, p []byte, err error) {
	for !v.ended {
		m := v.raw[:sectorSize]
		if _, err := io.ReadFull(v.r, m); err == io.EOF && v.listed != nil {
			return 0, nil, io.EOF // complete tells whether all came
		} else if err != nil {
			return 0, nil, damaged("it ends without its end: %w", err)
		}
		sector, size := binary.LittleEndian.Uint64(m), binary.LittleEndian.Uint32(m[8:])
		if size > 0 {
			return v.unzip(sector, int64(size))
		}
		if err := v.skip(sector, binary.LittleEndian.Uint32(m[markerHeader:])); err != nil {
			return 0, nil, err
		}
	}
	return 0, nil, io.EOF
}

// skip passes a marker of metadata over.
func (v *packed) skip(sectors uint64, kind uint32) error {
	if kind == markerEnd && sectors == 0 {
		v.ended = v.listed == nil // without a directory at the beginning; else it is room that was left
		return nil
	}
	if kind > markerFooter || sectors > maxMetadata {
		return damaged("a marker of kind %d with %d sectors", kind, sectors)
	}
	if _, err := io.CopyN(io.Discard, v.r, int64(sectors)*sectorSize); err != nil {
		return damaged("it ends in its metadata: %w", err)
	}
	return nil
}

// unzip reads a grain whose first sector is in raw.
func (v *packed) unzip(sector uint64, size int64) (n int64, p []byte, err error) {
	whole := (markerHeader + size + sectorSize - 1) / sectorSize * sectorSize
	if whole > int64(len(v.raw)) || sector%uint64(v.grainSize/sectorSize) != 0 || sector >= uint64(v.capacity/sectorSize) {
		return 0, nil, damaged("a grain of %d bytes for sector %d", size, sector)
	}
	if _, err := io.ReadFull(v.r, v.raw[sectorSize:whole]); err != nil {
		return 0, nil, damaged("it ends in a grain: %w", err)
	}
	n = int64(sector) * sectorSize / v.grainSize
	if v.have[n/64]&(1<<(n%64)) != 0 {
		return 0, nil, damaged("it has grain %d twice", n)
	}
	v.have[n/64] |= 1 << (n % 64)
	z, err := zlib.NewReader(bytes.NewReader(v.raw[markerHeader : markerHeader+size]))
	if err != nil {
		return 0, nil, damaged("grain %d: %w", n, err)
	}
	got, err := readToEnd(z, v.grown)
	if want := min(v.grainSize, v.capacity-n*v.grainSize); err == nil && int64(got) < want { // the last one may be as long as the disk is
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return 0, nil, damaged("grain %d: %w", n, err)
	}
	return n, v.grown, nil
}

// readToEnd reads all of r into p, up to its end, where zlib checks what it gave.
func readToEnd(r io.Reader, p []byte) (n int, err error) {
	for err == nil {
		var got int
		if n < len(p) {
			got, err = r.Read(p[n:])
			n += got
		} else if got, err = r.Read(make([]byte, 1)); got > 0 {
			return n, fmt.Errorf("more than %d bytes", len(p))
		}
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}

// complete tells whether all came that was promised.
func (v *packed) complete() error {
	for i, listed := range v.listed {
		if listed != v.have[i] {
			return damaged("its directory lists other grains than it has, near grain %d", 64*i)
		}
	}
	return nil
}

// extents are the grains that came, and zeros between.
func (v *packed) extents() []ingest.Extent {
	var data []ingest.Extent
	for n := range v.grains() {
		if v.have[n/64]&(1<<(n%64)) == 0 {
			continue
		}
		off := n * v.grainSize
		size := min(v.grainSize, v.capacity-off)
		if i := len(data) - 1; i >= 0 && data[i].Off+data[i].Len == off {
			data[i].Len += size
			continue
		}
		data = append(data, ingest.Extent{Off: off, Len: size})
	}
	return filled(data, v.capacity)
}
