package fs_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vbfs/fs"
	"vbfs/index"
	"vbfs/index/block"
	"vbfs/index/format"
)

// oddSize is over two leaves of the map, and no multiple of anything.
const oddSize = 37<<20 + 12345

func TestBytes(t *testing.T) {
	for _, o := range []index.InitOptions{{NoEncryption: true}, {Compression: "lz4"}} {
		l := newLab(t, o)
		want := patchy(3, oddSize)
		l.backup(shot{machine: "m", at: second(1), disks: []disk{plain("vda", want)}})
		var secret []byte
		if !o.NoEncryption {
			secret = password
		}
		dir := l.mountRepo(l.open(secret, ""), fs.Options{})
		name := filepath.Join(dir, "machines/m/latest/disks/vda.raw")
		checkBytes(t, name, want)
		checkSeek(t, name, want)
		checkBlocks(t, name, want)
		copied := filepath.Join(t.TempDir(), "copy")
		run(t, "cp", "--sparse=always", name, copied)
		if !bytes.Equal(readFile(t, copied), want) {
			t.Error("the copy differs")
		}
	}
}

// checkBytes reads at random, then all.
func checkBytes(t *testing.T, name string, want []byte) {
	t.Helper()
	f, err := os.Open(name)
	check(t, err)
	defer f.Close()
	for range 300 {
		off := rand.Int64N(int64(len(want)) + 10)
		p := make([]byte, 1+rand.IntN(3<<20>>rand.IntN(12)))
		n, err := f.ReadAt(p, off)
		if err != nil && err != io.EOF {
			t.Fatal(err)
		}
		rest := want[min(off, int64(len(want))):]
		if !bytes.Equal(p[:n], rest[:min(len(rest), len(p))]) {
			t.Fatalf("%d bytes at %d differ", len(p), off)
		}
	}
	if got := readFile(t, name); !bytes.Equal(got, want) {
		t.Fatal("content differs")
	}
}

// checkSeek walks the runs: what is in holes is zero, they alternate, and together they are all.
func checkSeek(t *testing.T, name string, want []byte) {
	t.Helper()
	f, err := os.Open(name)
	check(t, err)
	defer f.Close()
	end := int64(len(want))
	holes, at := 0, int64(0)
	for at < end {
		data, err := f.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, syscall.ENXIO) {
			data = end
		} else {
			check(t, err)
		}
		if n := len(bytes.Trim(want[at:data], "\x00")); n > 0 {
			t.Fatalf("%d bytes of data in the hole from %d to %d", n, at, data)
		}
		if data > at {
			holes++
		}
		if data == end {
			break
		}
		if at, err = f.Seek(data, unix.SEEK_HOLE); err != nil || at <= data {
			t.Fatalf("SEEK_HOLE from %d: %d, %v", data, at, err)
		}
	}
	if holes == 0 && bytes.Contains(want, make([]byte, 2*block.Size)) {
		t.Error("no hole was found")
	}
	for _, off := range []int64{end, end + 1} {
		for _, whence := range []int{unix.SEEK_DATA, unix.SEEK_HOLE} {
			if _, err := f.Seek(off, whence); !errors.Is(err, syscall.ENXIO) {
				t.Errorf("seek from %d of %d: %v", off, end, err)
			}
		}
	}
}

// checkBlocks compares st_blocks with what is not zero.
func checkBlocks(t *testing.T, name string, want []byte) {
	t.Helper()
	var st unix.Stat_t
	check(t, unix.Stat(name, &st))
	stored := int64(0)
	for off := 0; off < len(want); off += block.Size {
		if p := want[off:min(off+block.Size, len(want))]; !block.IsZero(p) {
			stored += block.Size
		}
	}
	stored = min(stored, int64(len(want)))
	if st.Size != int64(len(want)) || st.Blocks != (stored+511)/512 {
		t.Errorf("%d bytes in %d blocks, want %d in %d", st.Size, st.Blocks, len(want), (stored+511)/512)
	}
}

// A huge image that is nearly all hole answers at once.
func TestHugeHole(t *testing.T) {
	l := newLab(t, index.InitOptions{NoEncryption: true})
	const size = 1 << 40
	l.backup(shot{machine: "m", at: second(1), disks: []disk{{Disk: format.Disk{ID: "vda", Name: "vda", Size: size}}}})
	dir := l.mount(fs.Options{})
	start := time.Now()
	f, err := os.Open(filepath.Join(dir, "machines/m/latest/disks/vda.raw"))
	check(t, err)
	defer f.Close()
	var st unix.Stat_t
	check(t, unix.Fstat(int(f.Fd()), &st))
	if st.Size != size || st.Blocks != 0 {
		t.Errorf("%d bytes in %d blocks", st.Size, st.Blocks)
	}
	if _, err := f.Seek(0, unix.SEEK_DATA); !errors.Is(err, syscall.ENXIO) {
		t.Errorf("SEEK_DATA: %v", err)
	}
	if at, err := f.Seek(4096, unix.SEEK_HOLE); at != 4096 || err != nil {
		t.Errorf("SEEK_HOLE: %d, %v", at, err)
	}
	p := make([]byte, 4096)
	if _, err := f.ReadAt(p, size-4096); err != nil || !block.IsZero(p) {
		t.Errorf("read at the end: %v", err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestEmptyDisk(t *testing.T) {
	l := newLab(t, index.InitOptions{NoEncryption: true})
	l.backup(shot{machine: "m", at: second(1), disks: []disk{plain("vda", nil)}})
	dir := l.mount(fs.Options{})
	if b := readFile(t, filepath.Join(dir, "machines/m/latest/disks/vda.raw")); len(b) != 0 {
		t.Errorf("%d bytes", len(b))
	}
}

// VMware's descriptor is read by someone else's code.
func TestVMDK(t *testing.T) {
	l := newLab(t, index.InitOptions{NoEncryption: true})
	want := patchy(4, 5<<20)
	ide := plain("hda", want)
	ide.Bus = "ide"
	l.backup(shot{machine: "m", at: second(1), disks: []disk{plain("vda", want), ide, plain("odd", want[:1<<20+700]), plain(`q"t`, want[:512])}})
	dir := filepath.Join(l.mount(fs.Options{}), "machines/m/latest/disks")
	for _, name := range []string{"vda", "hda", "odd"} {
		file := filepath.Join(dir, name)
		run(t, "qemu-img", "compare", "-f", "vmdk", "-F", "raw", file+".vmdk", file+".raw")
		if out := run(t, "qemu-img", "info", file+".vmdk"); !strings.Contains(out, "create type: monolithicFlat") {
			t.Error(out)
		}
	}
	if got := string(readFile(t, dir+"/hda.vmdk")); !strings.Contains(got, `ddb.adapterType = "ide"`) || !strings.Contains(got, "RW 10240 FLAT \"hda.raw\" 0") {
		t.Error(got)
	}
	if _, err := os.Stat(dir + `/q"t.raw`); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir + `/q"t.vmdk`); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a descriptor that cannot name its disk: %v", err)
	}
}

func blocksOf(t *testing.T, name string) int64 {
	t.Helper()
	var st unix.Stat_t
	check(t, unix.Stat(name, &st))
	return st.Blocks
}
