package part_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"strings"
	"testing"

	"vbfs/guest/part"
)

// mbrDisk is a disk of 64 KiB with these slots: kind, first sector, sectors.
func mbrDisk(slots ...[3]uint32) []byte {
	b := make([]byte, 64<<10)
	putLink(b, 0, slots...)
	return b
}

func putLink(b []byte, lba int, slots ...[3]uint32) {
	s := b[lba*512:]
	for i, v := range slots {
		e := s[446+16*i:]
		e[4] = byte(v[0])
		binary.LittleEndian.PutUint32(e[8:], v[1])
		binary.LittleEndian.PutUint32(e[12:], v[2])
	}
	s[510], s[511] = 0x55, 0xaa
}

func readBytes(b []byte, sectorSize int) (part.Table, error) {
	return part.Read(bytes.NewReader(b), int64(len(b)), sectorSize)
}

// wantRefused checks that the table is refused for a reason that is told.
func wantRefused(t *testing.T, name string, b []byte, mark error, reason string) {
	t.Helper()
	table, err := readBytes(b, 0)
	if !errors.Is(err, mark) || !strings.Contains(err.Error(), reason) || len(table.Parts) != 0 {
		t.Errorf("%s: got %+v, error %v; want %q", name, table, err, reason)
	}
}

func TestMBRRefused(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		slots        [][3]uint32
	}{
		{"outside", "outside the disk", [][3]uint32{{0x83, 200, 1}}},
		{"too long", "outside the disk", [][3]uint32{{0x83, 100, 29}}},
		{"huge", "outside the disk", [][3]uint32{{0x83, 1, 1<<32 - 1}}},
		{"overlap", "partitions 1 and 3 overlap", [][3]uint32{{0x83, 10, 10}, {}, {0x83, 19, 10}}},
		{"overlap with extended", "partitions 1 and 2 overlap", [][3]uint32{{0x83, 10, 10}, {5, 19, 10}}},
		{"own sector", "own sector", [][3]uint32{{0x83, 0, 10}}},
		{"no gpt", "without a GPT header", [][3]uint32{{0xee, 1, 127}}},
	} {
		wantRefused(t, c.name, mbrDisk(c.slots...), part.ErrInvalid, c.reason)
	}
}

func TestChainRefused(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		links        map[int][][3]uint32
	}{
		{"loop to itself", "does not end", map[int][][3]uint32{10: {{0x83, 1, 2}, {5, 0, 5}}}},
		{"loop of two", "does not end", map[int][][3]uint32{10: {{0x83, 1, 2}, {5, 10, 5}}, 20: {{0x83, 1, 2}, {5, 0, 5}}}},
		{"broken", "breaks at sector 20", map[int][][3]uint32{10: {{0x83, 1, 2}, {5, 10, 5}}}},
		{"leaves", "leaves the extended", map[int][][3]uint32{10: {{0x83, 1, 2}, {5, 100, 5}}}},
		{"not inside", "logical partition 5 is not inside", map[int][][3]uint32{10: {{0x83, 1, 100}}}},
		{"overlap", "partitions 5 and 6 overlap", map[int][][3]uint32{10: {{0x83, 1, 30}, {5, 10, 20}}, 20: {{0x83, 1, 2}}}},
	} {
		b := mbrDisk([3]uint32{5, 10, 90})
		for lba, slots := range c.links {
			putLink(b, lba, slots...)
		}
		wantRefused(t, c.name, b, part.ErrInvalid, c.reason)
	}
}

// TestChainEmptyLink reads a chain whose first link has no partition, which deleting one leaves.
func TestChainEmptyLink(t *testing.T) {
	b := mbrDisk([3]uint32{0x0f, 10, 90})
	putLink(b, 10, [3]uint32{}, [3]uint32{5, 20, 10})
	putLink(b, 30, [3]uint32{0x83, 2, 3})
	got, err := readBytes(b, 0)
	if err != nil || len(got.Parts) != 2 || got.Parts[1].Number != 5 || got.Parts[1].Start != 32*512 || got.Parts[1].Length != 3*512 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestNoTable(t *testing.T) {
	fat := mbrDisk()
	copy(fat, "\xeb\x3c\x90mkfs.fat\x00\x02\x04\x01\x00\x02\x00\x02\x00\x00\xf8")
	ntfs := mbrDisk([3]uint32{0x74, 0x73657220, 0x74726174}) // text of the boot code where the slots are
	copy(ntfs, "\xeb\x52\x90NTFS    ")
	flags := mbrDisk([3]uint32{0x83, 1, 1})
	flags[446] = 'x'
	for name, b := range map[string][]byte{"empty": nil, "short": make([]byte, 511), "zeros": make([]byte, 4096), "fat": fat, "ntfs": ntfs, "flags": flags} {
		if got, err := readBytes(b, 0); err != nil || got.Kind != part.None || len(got.Parts) != 0 {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

// TestTableBesideFAT reads a table from a sector that has a FAT's parameters too, as bootable sticks do.
func TestTableBesideFAT(t *testing.T) {
	b := mbrDisk([3]uint32{0x0c, 4, 100})
	copy(b, "\xeb\x3c\x90mkfs.fat\x00\x02\x04\x01\x00\x02\x00\x02\x00\x00\xf8")
	if got, err := readBytes(b, 0); err != nil || got.Kind != part.MBR || len(got.Parts) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// gptDisk is a disk of 8 MiB with two partitions, made by sfdisk.
func gptDisk(t testing.TB) []byte {
	t.Helper()
	f := t.TempDir() + "/disk"
	if err := os.WriteFile(f, make([]byte, 8*mib), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "label: gpt\nsize=1M,name=one\nsize=2M,name=two\n", "sfdisk", "--quiet", f)
	b, err := os.ReadFile(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// seal makes the checksums of the header at lba right again.
func seal(b []byte, lba int) { sealSectors(b, lba, 512) }

func sealSectors(b []byte, lba, sector int) {
	h := b[lba*sector:]
	first := binary.LittleEndian.Uint64(h[72:]) * uint64(sector)
	n := uint64(binary.LittleEndian.Uint32(h[80:])) * uint64(binary.LittleEndian.Uint32(h[84:]))
	if first+n <= uint64(len(b)) {
		binary.LittleEndian.PutUint32(h[88:], crc32.ChecksumIEEE(b[first:first+n]))
	}
	clear(h[16:20])
	binary.LittleEndian.PutUint32(h[16:], crc32.ChecksumIEEE(h[:92]))
}

// TestGPTBackup breaks the primary table in several ways; the backup gives the same partitions. With both broken there
// are none.
func TestGPTBackup(t *testing.T) {
	const last = 8*mib/512 - 1
	whole := gptDisk(t)
	for name, harm := range map[string]func(b []byte, lba int){
		"signature": func(b []byte, lba int) { b[lba*512]++ },
		"header":    func(b []byte, lba int) { b[lba*512+60]++ },
		"size":      func(b []byte, lba int) { binary.LittleEndian.PutUint32(b[lba*512+12:], 1<<31) },
		"entries":   func(b []byte, lba int) { b[binary.LittleEndian.Uint64(b[lba*512+72:])*512+60]++ },
		"elsewhere": func(b []byte, lba int) { b[lba*512+25] = 7; seal(b, lba) },
	} {
		b := bytes.Clone(whole)
		harm(b, 1)
		got, err := readBytes(b, 0)
		if err != nil || len(got.Parts) != 2 || got.Parts[1].Name != "two" || got.Parts[1].Length != 2*mib {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		harm(b, last)
		wantRefused(t, name+" of both", b, part.ErrInvalid, "GPT")
	}
}

// TestGPTGrown reads a disk that has grown, so that the backup is no longer at its end.
func TestGPTGrown(t *testing.T) {
	b := append(gptDisk(t), make([]byte, mib)...)
	if got, err := readBytes(b, 0); err != nil || len(got.Parts) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	b[1024]++ // an entry of the primary
	if got, err := readBytes(b, 0); err != nil || len(got.Parts) != 2 {
		t.Errorf("by the backup: %+v, %v", got, err)
	}
}

// TestSectors4096 moves a table to where a disk of 4096-byte sectors has it, so that every partition is eight times as
// large and as far; told and untold.
func TestSectors4096(t *testing.T) {
	small := gptDisk(t)
	b := make([]byte, 8*len(small))
	copy(b, small[:512])
	copy(b[4096:], small[512:1024])
	copy(b[2*4096:], small[1024:1024+16<<10])
	sealSectors(b, 1, 4096)
	for _, sectorSize := range []int{0, 4096} {
		got, err := readBytes(b, sectorSize)
		if err != nil || len(got.Parts) != 2 || got.Parts[0].Start != 8*mib || got.Parts[1].Length != 16*mib || got.Parts[1].Name != "two" {
			t.Errorf("sectors of %d: %+v, %v", sectorSize, got, err)
		}
	}
	if _, err := readBytes(b, 512); !errors.Is(err, part.ErrInvalid) {
		t.Errorf("as sectors of 512: %v", err)
	}
	m := make([]byte, 128*4096)
	copy(m, mbrDisk([3]uint32{5, 10, 90}))
	link := mbrDisk([3]uint32{0x83, 1, 20})
	copy(m[10*4096:], link[:512])
	if got, err := readBytes(m, 4096); err != nil || len(got.Parts) != 2 || got.Parts[1].Start != 11*4096 || got.Parts[1].Length != 20*4096 {
		t.Errorf("mbr: %+v, %v", got, err)
	}
}

func TestGPTRefused(t *testing.T) {
	whole := gptDisk(t)
	for _, c := range []struct {
		name, reason string
		mark         error
		field        int // in the header at sector 1, or in the entries at sector 2
		value        uint64
		size         int
	}{
		{"revision", "revision 0x00020000", part.ErrUnsupported, 512 + 8, 0x00020000, 4},
		{"entry size", "entries of 120 bytes", part.ErrUnsupported, 512 + 84, 120, 4},
		{"huge entries", "entries of 2147483648 bytes", part.ErrUnsupported, 512 + 84, 1 << 31, 4},
		{"many entries", "4294967295 entries", part.ErrUnsupported, 512 + 80, 1<<32 - 1, 4},
		{"entries outside", "outside the disk", part.ErrInvalid, 512 + 72, 1 << 62, 8},
		{"begins too early", "outside the usable sectors", part.ErrInvalid, 1024 + 32, 2, 8},
		{"ends too late", "outside the usable sectors", part.ErrInvalid, 1024 + 40, 1 << 63, 8},
		{"ends before it begins", "outside the usable sectors", part.ErrInvalid, 1024 + 40, 2047, 8},
		{"overlap", "partitions 1 and 2 overlap", part.ErrInvalid, 1024 + 40, 4096, 8},
	} {
		b := bytes.Clone(whole)
		clear(b[len(b)-512:]) // no backup
		if c.size == 4 {
			binary.LittleEndian.PutUint32(b[c.field:], uint32(c.value))
		} else {
			binary.LittleEndian.PutUint64(b[c.field:], c.value)
		}
		seal(b, 1)
		wantRefused(t, c.name, b, c.mark, c.reason)
	}
	// Usable sectors that are a lie do not make room.
	b := bytes.Clone(whole)
	clear(b[len(b)-512:])
	binary.LittleEndian.PutUint64(b[512+48:], 1<<63)
	binary.LittleEndian.PutUint64(b[1024+40:], 1<<62)
	seal(b, 1)
	wantRefused(t, "usable lie", b, part.ErrInvalid, "outside the disk")
}

// brokenReader fails from an offset on.
type brokenReader struct {
	io.ReaderAt
	from int64
}

var errBroken = errors.New("broken")

func (r brokenReader) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > r.from {
		return 0, errBroken
	}
	return r.ReaderAt.ReadAt(p, off)
}

func TestReadErrors(t *testing.T) {
	b := gptDisk(t)
	for _, from := range []int64{0, 512, 1024} {
		if _, err := part.Read(brokenReader{bytes.NewReader(b), from}, int64(len(b)), 0); !errors.Is(err, errBroken) {
			t.Errorf("broken from %d: %v", from, err)
		}
	}
	if _, err := part.Read(bytes.NewReader(b[:100]), int64(len(b)), 0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("shorter than said: %v", err)
	}
	for _, sectorSize := range []int{-1, 1, 513, 1 << 20} {
		if _, err := readBytes(b, sectorSize); !errors.Is(err, part.ErrUnsupported) {
			t.Errorf("sectors of %d: %v", sectorSize, err)
		}
	}
}

func TestDeviceName(t *testing.T) {
	for _, c := range []struct {
		disk string
		n    int
		want string
	}{{"vda", 1, "vda1"}, {"nvme0n1", 12, "nvme0n1p12"}, {"scsi0-1", 5, "scsi0-1p5"}} {
		if got := part.DeviceName(c.disk, c.n); got != c.want {
			t.Errorf("%s %d: got %s", c.disk, c.n, got)
		}
	}
}

// FuzzRead holds every table that is read to what the package promises of it.
func FuzzRead(f *testing.F) {
	gpt := gptDisk(f)
	chain := mbrDisk([3]uint32{5, 10, 90})
	putLink(chain, 10, [3]uint32{0x83, 1, 2}, [3]uint32{5, 10, 5})
	putLink(chain, 20, [3]uint32{0x83, 1, 2})
	f.Add(chain, int64(len(chain)), 0)
	f.Add(gpt[:64<<10], int64(len(gpt)), 512)
	f.Fuzz(func(t *testing.T, b []byte, size int64, sectorSize int) {
		table, err := part.Read(bytes.NewReader(b), size, sectorSize)
		if err != nil {
			return
		}
		for i, p := range table.Parts {
			if p.Start <= 0 || p.Length <= 0 || p.Start > size-p.Length || i > 0 && p.Number <= table.Parts[i-1].Number {
				t.Errorf("partition %+v of a disk of %d bytes", p, size)
			}
		}
	})
}
