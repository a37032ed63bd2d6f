package handmade

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
)

// A Delta is what changed on a disk since a snapshot: grains of the disk by their number.
type Delta struct {
	Parent  string // its descriptor
	CID, Of string // its own content ID, and that of the parent
	Sectors int64  // of the disk
	Large   bool   // SESPARSE, in place of VMFSSPARSE (COWD)
	Grains  map[int64][]byte
	Zeros   []int64 // grains that are zero now: of SESPARSE
	Unclean bool    // no release closes it so: its extent ends in the middle of its last grain
}

// Grain is the length of a delta's grains, in bytes: of one sector in a COWD, of eight in a SESPARSE.
func (d Delta) Grain() int64 {
	if d.Large {
		return 4096
	}
	return 512
}

// Write writes a delta by the name of its descriptor.
func (d Delta) Write(t TB, file string) {
	t.Helper()
	kind, create, suffix, extent := "VMFSSPARSE", "vmfsSparse", "-delta.vmdk", d.cowd()
	if d.Large {
		kind, create, suffix, extent = "SESPARSE", "seSparse", "-sesparse.vmdk", d.sesparse()
	}
	if d.Unclean {
		extent = extent[:int64(len(extent))-d.Grain()/2]
	}
	name := strings.TrimSuffix(filepath.Base(file), ".vmdk") + suffix
	File(t, filepath.Join(filepath.Dir(file), name), extent)
	File(t, file, fmt.Appendf(nil, "# Disk DescriptorFile\nversion=1\nCID=%s\nparentCID=%s\ncreateType=\"%s\"\nparentFileNameHint=\"%s\"\n"+
		"RW %d %s \"%s\"\n#DDB\nddb.longContentID = \"x\"\n", d.CID, d.Of, create, d.Parent, d.Sectors, kind, name))
}

// cowd writes a header, a directory, a table for each of its entries, and grains.
func (d Delta) cowd() []byte {
	const dir, perTable = 4, 4096
	tables := (d.Sectors + perTable - 1) / perTable
	at := int64(dir) + (tables*4+511)/512
	b := make([]byte, (at+tables*perTable*4/512)*512)
	copy(b, "COWD")
	for i, v := range []uint32{1, 3, uint32(d.Sectors), 1, dir, uint32(tables), 0} {
		binary.LittleEndian.PutUint32(b[4+4*i:], v)
	}
	for t := range tables {
		binary.LittleEndian.PutUint32(b[dir*512+4*t:], uint32(at+t*perTable*4/512))
	}
	for n, data := range d.Grains {
		binary.LittleEndian.PutUint32(b[at*512+4*n:], uint32(len(b)/512))
		b = append(b, data...)
	}
	return b
}

// sesparse writes a header, a clean volatile header, a directory, one table, and grains. Numbers of grains count from the first.
func (d Delta) sesparse() []byte {
	const volatile, journal, dir, tables, bitmap, back, grains = 1, 2, 16, 32, 96, 100, 104
	b := make([]byte, grains*512)
	field := func(at int, v uint64) { binary.LittleEndian.PutUint64(b[at:], v) }
	for i, v := range []uint64{0xcafebabe, 0x200000001, uint64(d.Sectors), 8, 64, 0, 0, 0, 0, 0, volatile, 1, journal, 1, journal + 1, 8,
		dir, 1, tables, 64, bitmap, 1, back, 1, grains, uint64(8 * len(d.Grains))} {
		field(8*i, v)
	}
	field(volatile*512, 0xcafecafe)
	field(dir*512, 0x1000000000000000)
	for _, n := range d.Zeros {
		field(tables*512+8*int(n), 0x2000000000000000)
	}
	i := uint64(0)
	for n, data := range d.Grains {
		field(tables*512+8*int(n), 0x3000000000000000|i&0xfff<<48|i>>12)
		b = append(b, data...)
		i++
	}
	return b
}
