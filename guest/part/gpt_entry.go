package part

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"unicode/utf16"

	"github.com/google/uuid"
)

func readEntries(d disk, h gptHeader) (Table, error) {
	n := int64(h.count) * int64(h.entrySize)
	if h.entrySize < gptEntryMin || h.entrySize > gptEntryMax || h.entrySize&(h.entrySize-1) != 0 || n > gptEntriesMax {
		return Table{}, fmt.Errorf("%w: GPT of %d entries of %d bytes", ErrUnsupported, h.count, h.entrySize)
	}
	b, err := d.readSectors(h.entriesLBA, n)
	if err != nil {
		return Table{}, err
	}
	if crc32.ChecksumIEEE(b) != h.entriesCRC {
		return Table{}, fmt.Errorf("%w: GPT entries at sector %d have a wrong checksum", ErrInvalid, h.entriesLBA)
	}
	t := Table{Kind: GPT}
	for i := range int(h.count) {
		e := b[i*int(h.entrySize):][:h.entrySize]
		if uuid.UUID(e[:16]) == uuid.Nil {
			continue
		}
		p, err := parseEntry(d, h, i+1, e)
		if err != nil {
			return Table{}, err
		}
		t.Parts = append(t.Parts, p)
	}
	return t, checkOverlap(t.Parts)
}

func parseEntry(d disk, h gptHeader, number int, e []byte) (Partition, error) {
	first, last := binary.LittleEndian.Uint64(e[32:]), binary.LittleEndian.Uint64(e[40:])
	if first < h.firstUsable || last > h.lastUsable || first > last {
		return Partition{}, fmt.Errorf("%w: partition %d (sectors %d to %d) is outside the usable sectors %d to %d",
			ErrInvalid, number, first, last, h.firstUsable, h.lastUsable)
	}
	start, length, err := d.place(number, first, last-first+1)
	if err != nil {
		return Partition{}, err
	}
	return Partition{
		Number: number, Start: start, Length: length,
		Type: guid(e[0:]), UUID: guid(e[16:]), Name: entryName(e[56:128]),
		Bootable: binary.LittleEndian.Uint64(e[48:])&gptBootable != 0,
	}, nil
}

// guid prints a GUID: its first three fields are little endian (UEFI Specification 2.10, appendix A).
func guid(b []byte) string {
	var u uuid.UUID
	binary.BigEndian.PutUint32(u[0:], binary.LittleEndian.Uint32(b[0:]))
	binary.BigEndian.PutUint16(u[4:], binary.LittleEndian.Uint16(b[4:]))
	binary.BigEndian.PutUint16(u[6:], binary.LittleEndian.Uint16(b[6:]))
	copy(u[8:], b[8:16])
	return u.String()
}

// entryName decodes UTF-16 that ends at a zero or fills the field.
func entryName(b []byte) string {
	var units []uint16
	for i := 0; i < len(b); i += 2 {
		u := binary.LittleEndian.Uint16(b[i:])
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}
