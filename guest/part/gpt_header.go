package part

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// gptHeader is what a checked header says.
type gptHeader struct {
	alternate        uint64
	firstUsable      uint64
	lastUsable       uint64
	entriesLBA       uint64
	count, entrySize uint32
	entriesCRC       uint32
}

// errNoHeader is the disk that has a protective MBR and nothing that it protects.
var errNoHeader = fmt.Errorf("%w: a protective MBR without a GPT header", ErrInvalid)

func readHeader(d disk, lba uint64) (gptHeader, error) {
	b, err := d.readSectors(lba, d.sector)
	if err != nil {
		return gptHeader{}, err
	}
	if string(b[:8]) != gptSignature {
		return gptHeader{}, errNoHeader
	}
	if rev := binary.LittleEndian.Uint32(b[8:]); rev != gptRevision {
		return gptHeader{}, fmt.Errorf("%w: GPT header at sector %d is of revision %#08x", ErrUnsupported, lba, rev)
	}
	if n := binary.LittleEndian.Uint32(b[12:]); n < gptHeaderMin || int64(n) > d.sector {
		return gptHeader{}, fmt.Errorf("%w: GPT header at sector %d says it has %d bytes", ErrInvalid, lba, n)
	}
	if !headerSum(b) {
		return gptHeader{}, fmt.Errorf("%w: GPT header at sector %d has a wrong checksum", ErrInvalid, lba)
	}
	if my := binary.LittleEndian.Uint64(b[24:]); my != lba {
		return gptHeader{}, fmt.Errorf("%w: GPT header at sector %d is meant for sector %d", ErrInvalid, lba, my)
	}
	return parseHeader(b), nil
}

// headerSum checks the checksum of a header, which is made with its own four bytes as zero.
func headerSum(b []byte) bool {
	h := append([]byte(nil), b[:binary.LittleEndian.Uint32(b[12:])]...)
	sum := binary.LittleEndian.Uint32(h[16:])
	clear(h[16:20])
	return crc32.ChecksumIEEE(h) == sum
}

func parseHeader(b []byte) gptHeader {
	return gptHeader{
		alternate:   binary.LittleEndian.Uint64(b[32:]),
		firstUsable: binary.LittleEndian.Uint64(b[40:]),
		lastUsable:  binary.LittleEndian.Uint64(b[48:]),
		entriesLBA:  binary.LittleEndian.Uint64(b[72:]),
		count:       binary.LittleEndian.Uint32(b[80:]),
		entrySize:   binary.LittleEndian.Uint32(b[84:]),
		entriesCRC:  binary.LittleEndian.Uint32(b[88:]),
	}
}
