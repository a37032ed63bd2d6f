package part

import (
	"errors"
)

// UEFI Specification 2.10, 5.3.2 "GPT Header" and 5.3.3 "GPT Partition Entry Array".
const (
	gptSignature = "EFI PART"
	gptRevision  = 0x00010000
	gptHeaderMin = 92
	gptEntryMin  = 128

	gptEntryMax   = 4096    // bytes
	gptEntriesMax = 1 << 20 // bytes; usual are 16 KiB

	gptBootable = 1 << 2 // attribute "Legacy BIOS Bootable"
)

// detectGPT tries the sector sizes that the disk can have. It prefers to report the one that has a header at all.
func detectGPT(d disk) (Table, error) {
	if d.sector != 0 {
		return readGPT(d)
	}
	d.sector = 512
	t, err := readGPT(d)
	if err == nil {
		return t, nil
	}
	d.sector = 4096
	t, err4k := readGPT(d)
	if err4k == nil {
		return t, nil
	}
	if errors.Is(err, errNoHeader) && !errors.Is(err4k, errNoHeader) {
		return Table{}, err4k
	}
	return Table{}, err
}

// readGPT reads the table from its primary header, or else from the backup: in the last sector, or, on a disk that has
// grown, where a primary header with bad entries says.
func readGPT(d disk) (Table, error) {
	if d.sectors() < 2 {
		return Table{}, errNoHeader
	}
	h, first := readHeader(d, 1)
	if first == nil {
		var t Table
		if t, first = readEntries(d, h); first == nil {
			return t, nil
		}
	}
	for _, lba := range []uint64{d.sectors() - 1, h.alternate} {
		b, err := readHeader(d, lba)
		if err == nil {
			var t Table
			if t, err = readEntries(d, b); err == nil {
				return t, nil
			}
		}
		if errors.Is(first, errNoHeader) {
			first = err
		}
	}
	return Table{}, first
}
