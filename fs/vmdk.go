package fs

import (
	"encoding/binary"
	"fmt"
	"strings"

	"vbfs/index/format"
)

// describable tells whether a descriptor can name the disk's file: names stand in quotes, which cannot be escaped.
func describable(d *format.Disk) bool { return !strings.Contains(d.Name, `"`) }

// vmdkSector is what a descriptor counts in, whatever the disk's own sectors are.
const vmdkSector = 512

// descriptor gives the text that makes NAME.raw, beside it, a disk for VMware's tools: "Virtual Disk Format 5.0", The
// Descriptor File.
func descriptor(point format.UUID, d *format.Disk) []byte {
	sectors := (d.Size + vmdkSector - 1) / vmdkSector
	adapter := adapterOf(d.Bus)
	cylinders, heads, track := geometry(adapter, sectors)
	content := binary.LittleEndian.Uint32(point[:]) & 0x7fffffff // ffffffff is "no parent"
	return fmt.Appendf(nil, `# Disk DescriptorFile
version=1
encoding="UTF-8"
CID=%08x
parentCID=ffffffff
isNativeSnapshot="no"
createType="monolithicFlat"

# Extent description
RW %d FLAT "%s%s" 0

# The Disk Data Base
#DDB

ddb.virtualHWVersion = "4"
ddb.adapterType = "%s"
ddb.geometry.cylinders = "%d"
ddb.geometry.heads = "%d"
ddb.geometry.sectors = "%d"
`, content, sectors, d.Name, raw, adapter, cylinders, heads, track)
}

// adapterOf gives VMware's name of a bus; virtio has none, SCSI comes nearest.
func adapterOf(bus string) string {
	switch strings.ToLower(bus) {
	case "ide", "sata":
		return "ide"
	}
	return "lsilogic"
}

// geometry gives what VMware computes for a disk: IDE ends at 16,383 cylinders, SCSI takes more heads with size.
func geometry(adapter string, sectors int64) (cylinders, heads, track int64) {
	const gib = 1 << 30 / vmdkSector
	switch {
	case adapter == "ide":
		return max(1, min(16383, sectors/(16*63))), 16, 63
	case sectors < gib:
		heads, track = 64, 32
	case sectors < 2*gib:
		heads, track = 128, 32
	default:
		heads, track = 255, 63
	}
	return max(1, sectors/(heads*track)), heads, track
}
