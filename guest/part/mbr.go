package part

import (
	"encoding/binary"
	"fmt"
)

// The master boot record. There is no specification; UEFI Specification 2.10, 5.2.1 "Legacy Master Boot Record" has the
// table, and Linux's block/partitions/msdos.c is what everyone follows.
const (
	mbrSize      = 512
	mbrSlots     = 446 // four of 16 bytes
	mbrSlotSize  = 16
	mbrDiskID    = 440
	mbrSignature = 0xaa55 // at 510

	typeEmpty      = 0x00
	typeProtective = 0xee
)

// slot is one of the four in an MBR or EBR. Its numbers are sectors.
type slot struct {
	flag, kind    byte
	first, length uint32
}

func (s slot) used() bool { return s.kind != typeEmpty && s.length > 0 }

func (s slot) extended() bool { return s.used() && Partition{Type: hexType(s.kind)}.Extended() }

func hexType(kind byte) string { return fmt.Sprintf("%02x", kind) }

// parseMBR takes the four slots out of a boot sector; false when it cannot be one that has slots: a flag is 0x80 or 0.
func parseMBR(b []byte) (slots [4]slot, ok bool) {
	if binary.LittleEndian.Uint16(b[510:]) != mbrSignature {
		return slots, false
	}
	for i := range slots {
		e := b[mbrSlots+i*mbrSlotSize:]
		slots[i] = slot{flag: e[0], kind: e[4], first: binary.LittleEndian.Uint32(e[8:]), length: binary.LittleEndian.Uint32(e[12:])}
		if slots[i].flag&0x7f != 0 {
			return slots, false
		}
	}
	return slots, true
}

// protective tells whether the MBR only shields a GPT. Hybrid ones have other slots too; the GPT is what counts.
func protective(slots [4]slot) bool {
	for _, s := range slots {
		if s.kind == typeProtective {
			return true
		}
	}
	return false
}

// readMBR makes a table of an MBR. Where a file system's boot sector has the same bytes, slots that are empty or make no
// sense are taken for none.
func readMBR(d disk, b []byte, slots [4]slot) (Table, error) {
	t, err := primaries(d, slots)
	if hasFileSystem(b) && (err != nil || len(t.Parts) == 0) {
		return Table{}, nil
	}
	if err != nil {
		return Table{}, err
	}
	number := 5
	for _, p := range t.Parts {
		if !p.Extended() {
			continue
		}
		logical, err := readChain(d, p, number)
		if err != nil {
			return Table{}, err
		}
		number += len(logical)
		t.Parts = append(t.Parts, logical...)
	}
	for i := range t.Parts {
		t.Parts[i].UUID = mbrUUID(b, t.Parts[i].Number)
	}
	return t, checkOverlap(t.Parts)
}

func primaries(d disk, slots [4]slot) (Table, error) {
	t := Table{Kind: MBR}
	for i, s := range slots {
		if !s.used() {
			continue
		}
		p, err := s.partition(d, i+1, uint64(s.first))
		if err != nil {
			return Table{}, err
		}
		if s.first == 0 {
			return Table{}, fmt.Errorf("%w: partition %d begins in the table's own sector", ErrInvalid, i+1)
		}
		t.Parts = append(t.Parts, p)
	}
	return t, checkOverlap(t.Parts)
}

// partition places a slot whose first sector, counted from the disk's beginning, is first.
func (s slot) partition(d disk, number int, first uint64) (Partition, error) {
	start, length, err := d.place(number, first, uint64(s.length))
	return Partition{Number: number, Start: start, Length: length, Type: hexType(s.kind), Bootable: s.flag == 0x80}, err
}

// mbrUUID is what Linux makes of the disk's ID and the number.
func mbrUUID(b []byte, number int) string {
	id := binary.LittleEndian.Uint32(b[mbrDiskID:])
	if id == 0 {
		return ""
	}
	return fmt.Sprintf("%08x-%02x", id, number)
}
