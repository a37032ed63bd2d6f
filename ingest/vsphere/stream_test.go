package vsphere

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"vbfs/ingest"
)

// A packer writes streamOptimized VMDKs as an ESXi does: the directory at the end, markers, a footer.
type packer struct{ bytes.Buffer }

func (p *packer) sector(b []byte) {
	p.Write(b)
	p.Write(make([]byte, (sectorSize-len(b)%sectorSize)%sectorSize))
}

func (p *packer) header(capacity int64, directory uint64) {
	h := make([]byte, sectorSize)
	le := binary.LittleEndian
	le.PutUint32(h, sparseMagic)
	le.PutUint32(h[4:], 3)
	le.PutUint32(h[8:], flagsPacked|1)
	le.PutUint64(h[12:], uint64(capacity/sectorSize))
	le.PutUint64(h[20:], 128)
	le.PutUint64(h[28:], 1)
	le.PutUint64(h[36:], 1)
	le.PutUint32(h[44:], tableEntries)
	le.PutUint64(h[56:], directory)
	le.PutUint64(h[64:], 2)
	le.PutUint16(h[77:], deflate)
	p.Write(h)
}

func (p *packer) marker(value uint64, kind uint32) {
	m := make([]byte, sectorSize)
	binary.LittleEndian.PutUint64(m, value)
	binary.LittleEndian.PutUint32(m[12:], kind)
	p.Write(m)
}

func (p *packer) grain(n int64, data []byte) {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	w.Write(data)
	w.Close()
	head := make([]byte, markerHeader)
	binary.LittleEndian.PutUint64(head, uint64(n)*128)
	binary.LittleEndian.PutUint32(head[8:], uint32(z.Len()))
	p.sector(append(head, z.Bytes()...))
}

// pack writes a disk whose zero grains are left out.
func pack(disk []byte, text string) []byte {
	p := &packer{}
	p.header(int64(len(disk)), atEnd)
	p.sector([]byte(text))
	for n := 0; n*65536 < len(disk); n++ {
		g := disk[n*65536 : min(len(disk), (n+1)*65536)]
		if len(bytes.Trim(g, "\x00")) > 0 {
			p.grain(int64(n), append(bytes.Clone(g), make([]byte, 65536-len(g))...))
		}
	}
	p.marker(4, 1) // a grain table, which nobody needs
	p.Write(make([]byte, 4*sectorSize))
	p.marker(1, 2)
	p.Write(make([]byte, sectorSize))
	p.marker(1, markerFooter)
	p.header(int64(len(disk)), 77)
	p.marker(0, markerEnd)
	return p.Bytes()
}

const goodText = "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType=\"streamOptimized\"\n"

func unpacked(t *testing.T, stream []byte, size int64) ([]byte, []ingest.Extent, error) {
	t.Helper()
	f, err := nameless(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var done ingest.Progress
	extents, err := unpack(bytes.NewReader(stream), f, size, &done)
	got := make([]byte, size)
	if _, rerr := f.ReadAt(got, 0); rerr != nil {
		t.Fatal(rerr)
	}
	return got, extents, err
}

func sparse(rng *rand.Rand, n int) []byte {
	p := make([]byte, n)
	for i := 0; i < n; i += 65536 {
		if rng.IntN(3) > 0 {
			for j := i; j < min(n, i+65536); j++ {
				p[j] = byte(rng.IntN(7))
			}
		}
	}
	return p
}

// Streams of an ESXi's making, and of QEMU's with its directory at the beginning, are the disk; zero where they say nothing.
func TestStreams(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(41, 1))
	for _, size := range []int{512, 65536, 1<<20 + 1024, 5 << 20} {
		disk := sparse(rng, size)
		raw, made := filepath.Join(t.TempDir(), "raw"), filepath.Join(t.TempDir(), "vmdk")
		if err := os.WriteFile(raw, disk, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", raw, made).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		qemu, err := os.ReadFile(made)
		if err != nil {
			t.Fatal(err)
		}
		for name, stream := range map[string][]byte{"esxi": pack(disk, goodText), "qemu": qemu} {
			got, extents, err := unpacked(t, stream, int64(size))
			if err != nil || !bytes.Equal(got, disk) {
				t.Fatalf("%s of %d bytes: equal %t, %v", name, size, bytes.Equal(got, disk), err)
			}
			for _, e := range extents {
				if e.Zero && len(bytes.Trim(disk[e.Off:e.Off+e.Len], "\x00")) > 0 {
					t.Errorf("%s: %+v is not zero", name, e)
				}
			}
			if size < 5<<20 {
				damage(t, rng, name, stream, disk)
			}
		}
	}
}

// damage cuts a stream anywhere, and flips bits: that is an error, or it was of no importance.
func damage(t *testing.T, rng *rand.Rand, name string, stream, disk []byte) {
	t.Helper()
	data := bytes.IndexFunc(disk, func(r rune) bool { return r != 0 }) >= 0
	for range 30 {
		cut := stream[:rng.IntN(len(stream))]
		if rng.IntN(2) == 0 {
			cut = cut[:len(cut)/sectorSize*sectorSize]
		}
		got, _, err := unpacked(t, cut, int64(len(disk)))
		if data && err == nil && !bytes.Equal(got, disk) || err != nil && !errors.Is(err, ErrStream) {
			t.Fatalf("%s cut to %d of %d bytes: %v", name, len(cut), len(stream), err)
		}
		bad := bytes.Clone(stream)
		bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
		if got, _, err := unpacked(t, bad, int64(len(disk))); err == nil && !bytes.Equal(got, disk) {
			t.Fatalf("%s with a flipped bit gives other bytes", name)
		}
	}
}

// A stream that is of another disk, or says that its bytes are elsewhere, is refused.
func TestHostileStreams(t *testing.T) {
	t.Parallel()
	disk := bytes.Repeat([]byte{7}, 200<<10)
	for name, stream := range map[string][]byte{
		"parent":  pack(disk, goodText+"parentFileNameHint=\"/etc/passwd\"\n"),
		"flat":    pack(disk, "createType=\"monolithicFlat\"\nRW 400 FLAT \"/etc/passwd\" 0\n"),
		"longer":  pack(append(disk, make([]byte, 512)...), goodText),
		"text":    []byte("# Disk DescriptorFile\nRW 400 FLAT \"/etc/passwd\" 0\n"),
		"nothing": nil,
	} {
		if _, _, err := unpacked(t, stream, int64(len(disk))); !errors.Is(err, ErrStream) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
