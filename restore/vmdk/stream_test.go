package vmdk_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vmdk"
	"golang.org/x/sys/unix"

	"vbfs/restore"
	"vbfs/restore/targettest"
	ours "vbfs/restore/vmdk"
)

const (
	sector = 512
	grain  = 64 << 10
)

var id = [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0xca, 0xfe, 0xba, 0xbe}

// TestStreamLayout holds a small disk against the specification, sector by sector.
func TestStreamLayout(t *testing.T) {
	img := &targettest.Image{Bytes: make([]byte, 33<<20+100)} // two tables, and an end within a sector
	img.Ranges = []targettest.Range{{Off: 0, Len: 32 << 20, Data: true}, {Off: 32 << 20, Len: 1 << 20}, {Off: 33 << 20, Len: 100, Data: true}}
	for i := range img.Bytes[grain : 2*grain] {
		img.Bytes[grain+i] = byte(i)
	}
	copy(img.Bytes[33<<20:], "the end")
	var b bytes.Buffer
	if err := ours.Stream(t.Context(), &b, img, ours.StreamOptions{Meta: ours.Meta{Name: "d.vmdk", ContentID: id}}); err != nil {
		t.Fatal(err)
	}
	f := file{t, b.Bytes()}
	f.is(0, 0, "4b444d56 03000000 01000300 0108010000000000 8000000000000000 0100000000000000 1400000000000000 00020000 "+
		"0000000000000000 ffffffffffffffff 8000000000000000 00 0a200d0a 0100 00000000")
	f.text(1, "# Disk DescriptorFile\nversion=1\nencoding=\"UTF-8\"\nCID=cafebabe\nparentCID=ffffffff\ncreateType=\"streamOptimized\"\n\n"+
		"# Extent description\nRW 67585 SPARSE \"d.vmdk\"\n\n# The Disk Data Base\n#DDB\n\nddb.longContentID = \"0102030405060708090a0b0ccafebabe\"\n"+
		"ddb.adapterType = \"lsilogic\"\nddb.geometry.cylinders = \"33\"\nddb.geometry.heads = \"64\"\nddb.geometry.sectors = \"32\"\n"+
		"ddb.virtualHWVersion = \"4\"\n")
	next := f.grain(128, 128, img.Bytes[grain:2*grain])
	f.is(next, 0, "0400000000000000 00000000 01000000")
	f.is(next+1, 0, "00000000 80000000 00000000")
	last := next + 5
	next = f.grain(last, 33<<20/sector, append([]byte("the end"), make([]byte, sector-7)...))
	f.is(next, 0, "0400000000000000 00000000 01000000")
	f.is(next+1, 4*16, fmt.Sprintf("%02x000000 00000000", last))
	f.is(next+5, 0, "0100000000000000 00000000 02000000")
	f.is(next+6, 0, fmt.Sprintf("%02x000000 %02x000000 00000000", last-4, next+1))
	f.is(next+7, 0, "0100000000000000 00000000 03000000")
	f.is(next+8, 0, "4b444d56 03000000 01000300 0108010000000000 8000000000000000 0100000000000000 1400000000000000 00020000 "+
		fmt.Sprintf("0000000000000000 %02x00000000000000 8000000000000000 00 0a200d0a 0100 00000000", next+6))
	f.is(next+9, 0, strings.Repeat("00", sector))
	if want := (next + 10) * sector; len(f.b) != want {
		t.Errorf("it has %d bytes, not %d", len(f.b), want)
	}
}

// A file that should hold something.
type file struct {
	t *testing.T
	b []byte
}

func (f file) is(sec, at int, hex string) {
	f.t.Helper()
	want := strings.ReplaceAll(hex, " ", "")
	at += sec * sector
	if got := fmt.Sprintf("%x", f.b[at:at+len(want)/2]); got != want {
		f.t.Errorf("sector %d:\n%s, not\n%s", sec, got, want)
	}
}

func (f file) text(sec int, want string) {
	f.t.Helper()
	got, _, _ := bytes.Cut(f.b[sec*sector:128*sector], []byte{0})
	if string(got) != want {
		f.t.Errorf("it says\n%s, not\n%s", got, want)
	}
}

// grain checks a compressed grain, and gives the sector behind it.
func (f file) grain(sec int, lba uint64, want []byte) int {
	f.t.Helper()
	b := f.b[sec*sector:]
	n := int(binary.LittleEndian.Uint32(b[8:]))
	z, err := zlib.NewReader(bytes.NewReader(b[12 : 12+n]))
	if err != nil {
		f.t.Fatal(err)
	}
	got, err := io.ReadAll(z)
	if err != nil || !bytes.Equal(got, want) || binary.LittleEndian.Uint64(b) != lba {
		f.t.Fatalf("grain of sector %d, with %d bytes, %v", binary.LittleEndian.Uint64(b), len(got), err)
	}
	return sec + (12+n+sector-1)/sector
}

// TestStreamIsRead has others read what was written: random disks, and those whose end is none of a grain or of a sector.
func TestStreamIsRead(t *testing.T) {
	t.Parallel()
	for i, size := range []int64{1, 512, 1000, grain, grain + 512, 5<<20 + 12345, 40 << 20, 65<<20 + 777} {
		img := targettest.Random(size, rand.New(rand.NewPCG(uint64(i), 21)))
		path := filepath.Join(t.TempDir(), "disk [1] x.vmdk")
		var p restore.Progress
		stream(t, path, img, ours.StreamOptions{Workers: 1 + i%4, Level: 1 + i, Progress: &p})
		reads(t, path, img.Bytes)
		if a, _ := restore.Survey(t.Context(), img); p.Data.Load() != a.Data || p.Zero.Load() != a.Zero {
			t.Errorf("%d and %d bytes are done, of %+v", p.Data.Load(), p.Zero.Load(), a)
		}
		info, err := vmdk.Stat(path)
		if err != nil || info.Capacity != (size+511)/512*512 || info.Descriptor.Type != "streamOptimized" {
			t.Errorf("govmomi: %+v, %v", info, err)
		}
	}
}

func stream(t *testing.T, path string, img restore.Image, o ours.StreamOptions) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	o.Name = filepath.Base(path)
	if err := ours.Stream(t.Context(), f, img, o); err != nil {
		t.Fatal(err)
	}
}

// reads has qemu-img check a disk and read all of it.
func reads(t *testing.T, path string, want []byte) {
	t.Helper()
	if out, err := exec.Command("qemu-img", "check", "-f", "vmdk", path).CombinedOutput(); err != nil {
		t.Fatalf("check: %v: %s", err, out)
	}
	raw := filepath.Join(t.TempDir(), "raw")
	if out, err := exec.Command("qemu-img", "convert", "-f", "vmdk", "-O", "raw", path, raw).CombinedOutput(); err != nil {
		t.Fatalf("convert: %v: %s", err, out)
	}
	got, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	want = append(bytes.Clone(want), make([]byte, (sector-len(want)%sector)%sector)...)
	if !bytes.Equal(got, want) {
		t.Fatalf("QEMU reads something else: %d bytes of %d", len(got), len(want))
	}
}

// A vast image is zeros but for a few granules.
type vast struct {
	size int64
	data map[int64][]byte // by granule's offset
}

func (v vast) Size() int64 { return v.size }

func (v vast) Extent(off int64) (int64, bool, error) {
	next := v.size
	for at, p := range v.data {
		if at <= off && off < at+int64(len(p)) {
			return at + int64(len(p)) - off, true, nil
		}
		if at > off {
			next = min(next, at)
		}
	}
	return next - off, false, nil
}

func (v vast) ReadAt(p []byte, off int64) (int, error) {
	for at, b := range v.data {
		if at <= off && off+int64(len(p)) <= at+int64(len(b)) {
			return copy(p, b[off-at:]), nil
		}
	}
	return 0, errors.New("a hole was read")
}

func sprinkled(size int64, places ...int64) vast {
	v := vast{size, map[int64][]byte{}}
	for i, at := range places {
		p := make([]byte, min(grain, size-at))
		for j := range p {
			p[j] = byte(i + j/7)
		}
		p[0] = 1
		v.data[at] = p
	}
	return v
}

// readsAt has qemu-img read the places of a vast disk, and what is behind them.
func (v vast) readsAt(t *testing.T, path string) {
	t.Helper()
	if out, err := exec.Command("qemu-img", "check", "-f", "vmdk", path).CombinedOutput(); err != nil {
		t.Fatalf("check: %v: %s", err, out)
	}
	part := filepath.Join(t.TempDir(), "part") // what is skipped is counted, too, by QEMU 7.2
	for at, want := range v.data {
		n := min(3*grain, v.size-at)
		out, err := exec.Command("qemu-img", "dd", "-f", "vmdk", "-O", "raw", "bs=65536", "skip="+strconv.FormatInt(at/grain, 10),
			"count="+strconv.FormatInt((at+n+grain-1)/grain, 10), "if="+path, "of="+part).CombinedOutput()
		if err != nil {
			t.Fatalf("dd: %v: %s", err, out)
		}
		got, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got[:len(want)], want) || v.data[at+grain] == nil && len(bytes.Trim(got[len(want):], "\x00")) > 0 {
			t.Errorf("QEMU reads something else at %d", at)
		}
	}
}

func TestStreamOfALargeDisk(t *testing.T) {
	t.Parallel()
	const tb = 1 << 40
	for _, size := range []int64{5 << 30, 3*tb + grain} {
		v := sprinkled(size, 0, 2<<30-grain, 2<<30, size-grain)
		path := filepath.Join(t.TempDir(), "d.vmdk")
		stream(t, path, v, ours.StreamOptions{})
		v.readsAt(t, path)
	}
}

func TestStreamFails(t *testing.T) {
	img := targettest.Random(20<<20, rand.New(rand.NewPCG(1, 22)))
	broken := errors.New("a block is damaged")
	bad := &targettest.Image{Bytes: img.Bytes, Ranges: img.Ranges, Fail: func(off, n int64) error {
		if off > 10<<20 {
			return broken
		}
		return nil
	}}
	o := ours.StreamOptions{Meta: ours.Meta{Name: "d.vmdk"}}
	if err := ours.Stream(t.Context(), io.Discard, bad, o); !errors.Is(err, broken) {
		t.Errorf("a broken image: %v", err)
	}
	full := errors.New("no space")
	if err := ours.Stream(t.Context(), &limited{left: 5 << 20, err: full}, img, o); !errors.Is(err, full) {
		t.Errorf("a full disk: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	slow := &targettest.Image{Bytes: img.Bytes, Ranges: img.Ranges, Fail: func(off, n int64) error { cancel(); return nil }}
	if err := ours.Stream(ctx, io.Discard, slow, o); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
	o.Name = "a/b"
	if err := ours.Stream(t.Context(), io.Discard, img, o); !errors.Is(err, ours.ErrName) {
		t.Errorf("a name that is a path: %v", err)
	}
	if err := ours.Stream(t.Context(), io.Discard, vast{size: 63 << 40}, ours.StreamOptions{}); !errors.Is(err, ours.ErrTooLarge) {
		t.Errorf("63 TiB: %v", err)
	}
}

// limited is full after some bytes.
type limited struct {
	left int
	err  error
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, l.err
	}
	return len(p), nil
}

func allocated(t *testing.T, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}
