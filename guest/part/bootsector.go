package part

import (
	"bytes"
	"encoding/binary"
)

// hasFileSystem tells whether a boot sector begins a FAT, exFAT or NTFS file system: a jump, and then a name or a FAT's
// parameters that make sense. Their boot code lies where an MBR has its slots.
func hasFileSystem(b []byte) bool {
	if b[0] != 0xe9 && (b[0] != 0xeb || b[2] != 0x90) {
		return false
	}
	if bytes.Equal(b[3:11], []byte("NTFS    ")) || bytes.Equal(b[3:11], []byte("EXFAT   ")) {
		return true
	}
	sector, cluster := binary.LittleEndian.Uint16(b[11:]), b[13]
	reserved, fats, media := binary.LittleEndian.Uint16(b[14:]), b[16], b[21]
	return sector >= 512 && sector <= 4096 && powerOfTwo(uint(sector)) && powerOfTwo(uint(cluster)) &&
		reserved > 0 && (fats == 1 || fats == 2) && (media >= 0xf8 || media == 0xf0)
}

func powerOfTwo(n uint) bool { return n != 0 && n&(n-1) == 0 }
