package part

import (
	"fmt"
	"io"
	"strconv"
)

// The kinds of tables. A disk without one has the kind None.
const (
	None = ""
	MBR  = "mbr"
	GPT  = "gpt"
)

// Table is a disk's partition table. Parts are in order of number.
type Table struct {
	Kind  string
	Parts []Partition
}

// Partition is one partition of a disk.
type Partition struct {
	Number   int    // as Linux counts
	Start    int64  // bytes
	Length   int64  // bytes
	Type     string // GPT: a GUID in lower case; MBR: two hexadecimal digits
	Name     string // GPT only
	UUID     string // as in Linux's PARTUUID, "" when the disk has none
	Bootable bool   // MBR: active; GPT: legacy BIOS bootable
}

// Extended tells whether the partition is an MBR's container for logical partitions.
func (p Partition) Extended() bool {
	return p.Type == "05" || p.Type == "0f" || p.Type == "85"
}

// DeviceName is what Linux calls a partition of a disk: vda1, nvme0n1p1.
func DeviceName(disk string, number int) string {
	if disk != "" && disk[len(disk)-1] >= '0' && disk[len(disk)-1] <= '9' {
		disk += "p"
	}
	return disk + strconv.Itoa(number)
}

// Read reads the partition table of a disk of size bytes. With a sectorSize of 0 it tries 512 and 4096 for a GPT, and
// takes 512 for an MBR, which does not tell. A disk without a table is no error.
func Read(r io.ReaderAt, size int64, sectorSize int) (Table, error) {
	if size < 0 || sectorSize != 0 && sectorSize != 512 && sectorSize != 4096 {
		return Table{}, fmt.Errorf("read partition table: %w: disk of %d bytes, sectors of %d", ErrUnsupported, size, sectorSize)
	}
	t, err := readTable(disk{r, size, int64(sectorSize)})
	if err != nil {
		return Table{}, fmt.Errorf("read partition table: %w", err)
	}
	return t, nil
}

func readTable(d disk) (Table, error) {
	if d.size < mbrSize {
		return Table{}, nil
	}
	b, err := d.read(0, mbrSize)
	if err != nil {
		return Table{}, err
	}
	slots, ok := parseMBR(b)
	switch {
	case !ok:
		return Table{}, nil
	case protective(slots):
		return detectGPT(d)
	}
	if d.sector == 0 {
		d.sector = 512
	}
	return readMBR(d, b, slots)
}
