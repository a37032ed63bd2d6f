package fs_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vbfs/fs"
	"vbfs/index"
	"vbfs/index/block"
)

// sources makes the files that the guest's file systems hold.
func sources(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	check(t, os.MkdirAll(dir+"/etc/deep", 0o755))
	check(t, os.WriteFile(dir+"/etc/hosts", []byte("127.0.0.1 localhost\n"), 0o644))
	check(t, os.WriteFile(dir+"/etc/deep/big", patchy(7, 3<<20), 0o644))
	return dir
}

// A guestFS is a file system as a guest has it.
type guestFS struct {
	name, options string
	size          int64
	make          func(t *testing.T, files, image string)
}

// The sizes are the least that the tools make.
var guestFSs = []guestFS{
	{"ext4", "noload", 32 << 20, func(t *testing.T, files, image string) {
		run(t, "mkfs.ext4", "-q", "-d", files, image)
	}},
	{"xfs", "norecovery", 304 << 20, func(t *testing.T, files, image string) {
		proto := filepath.Join(t.TempDir(), "proto")
		check(t, os.WriteFile(proto, fmt.Appendf(nil, `/
0 0
d--755 0 0
etc d--755 0 0
hosts ---644 0 0 %s/etc/hosts
deep d--755 0 0
big ---644 0 0 %s/etc/deep/big
$
$
$
`, files, files), 0o644))
		run(t, "mkfs.xfs", "-q", "-p", proto, image)
	}},
	{"btrfs", "rescue=nologreplay", 112 << 20, func(t *testing.T, files, image string) {
		run(t, "mkfs.btrfs", "-q", "--rootdir", files, image)
	}},
}

// Partitions hold the file systems that the guest made, for the kernel's own drivers.
func TestFileSystemsInPartitions(t *testing.T) {
	files := sources(t)
	whole := filepath.Join(t.TempDir(), "disk")
	off := int64(1<<20 + 4096) // no multiple of a block
	script := "label: gpt\nsector-size: 512\n"
	for _, g := range guestFSs {
		image := filepath.Join(t.TempDir(), g.name)
		check(t, os.WriteFile(image, nil, 0o644))
		check(t, os.Truncate(image, g.size))
		g.make(t, files, image)
		place(t, whole, off, image)
		script += fmt.Sprintf("start=%d, size=%d, type=linux\n", off/512, g.size/512)
		off += g.size + 4096
	}
	check(t, os.Truncate(whole, off+1<<20))
	partition(t, whole, script)
	l := newLab(t, index.InitOptions{NoEncryption: true, Compression: "lz4"})
	l.backup(shot{machine: "m", at: second(1), disks: []disk{inFile(t, "vda", whole)}})
	dir := l.mount(fs.Options{})
	for i, g := range guestFSs {
		image := fmt.Sprintf("%s/machines/m/latest/partitions/vda%d.raw", dir, i+1)
		st, err := os.Stat(image)
		check(t, err)
		if st.Size() != g.size {
			t.Errorf("%s: %d bytes, want %d", g.name, st.Size(), g.size)
		}
		root := t.TempDir()
		run(t, "mount", "-t", g.name, "-o", "loop,ro,nodev,nosuid,noexec,"+g.options, image, root)
		out, err := exec.Command("diff", "-r", "--exclude=lost+found", files, root).CombinedOutput()
		run(t, "umount", root)
		if err != nil {
			t.Errorf("%s: %v\n%s", g.name, err, out)
		}
	}
}

// place copies what is not zero of an image to an offset of another.
func place(t *testing.T, whole string, off int64, image string) {
	t.Helper()
	f, err := os.OpenFile(whole, os.O_CREATE|os.O_WRONLY, 0o644)
	check(t, err)
	defer f.Close()
	b := readFile(t, image)
	for i := 0; i < len(b); i += block.Size {
		if p := b[i:min(i+block.Size, len(b))]; !block.IsZero(p) {
			_, err := f.WriteAt(p, off+int64(i))
			check(t, err)
		}
	}
}

func partition(t *testing.T, image, script string) {
	t.Helper()
	cmd := exec.Command("sfdisk", "-q", image)
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("sfdisk: %v\n%s", err, out)
	}
}

// Each partition has the name that Linux gives it, and the bytes that lie there.
func TestPartitions(t *testing.T) {
	gpt := tabled(t, 8, "label: gpt\nfirst-lba: 34\nstart=63, size=1000\nstart=2048, size=4096\n")
	mbr := tabled(t, 9, "label: dos\nstart=63, size=4001, type=83\nstart=4096, size=20480, type=5\nstart=6144, size=2048, type=83\nstart=10240, size=4096, type=83\n")
	random := patchy(10, 1<<20)
	l := newLab(t, index.InitOptions{NoEncryption: true})
	l.backup(shot{machine: "m", at: second(1), disks: []disk{plain("vda", mbr), plain("disk0", gpt), plain("none", random)}})
	dir := l.mount(fs.Options{}) + "/machines/m/latest/partitions/"
	want := map[string][]byte{
		"disk0p1.raw": gpt[63*512:][:1000*512],
		"disk0p2.raw": gpt[2048*512:][:4096*512],
		"vda1.raw":    mbr[63*512:][:4001*512],
		"vda2.raw":    mbr[4096*512:][:20480*512],
		"vda5.raw":    mbr[6144*512:][:2048*512],
		"vda6.raw":    mbr[10240*512:][:4096*512],
	}
	entries, err := os.ReadDir(dir)
	check(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, []string{"disk0p1.raw", "disk0p2.raw", "vda1.raw", "vda2.raw", "vda5.raw", "vda6.raw"}) {
		t.Errorf("partitions %v", names)
	}
	for name, b := range want {
		checkBytes(t, dir+name, b)
		checkSeek(t, dir+name, b)
	}
}

// tabled makes a disk with a table.
func tabled(t *testing.T, seed uint64, script string) []byte {
	t.Helper()
	b := patchy(seed, 16<<20)
	clear(b[:1<<15])
	clear(b[len(b)-1<<15:])
	name := filepath.Join(t.TempDir(), "disk")
	check(t, os.WriteFile(name, b, 0o644))
	partition(t, name, script)
	return readFile(t, name)
}

// st_blocks of a partition counts what is not in holes, also at its edges.
func TestPartitionBlocks(t *testing.T) {
	sectors := make([]byte, 8<<20)
	copy(sectors[3<<20:], bytes.Repeat([]byte("x"), block.Size))
	name := filepath.Join(t.TempDir(), "disk")
	check(t, os.WriteFile(name, sectors, 0o644))
	partition(t, name, "label: dos\nstart=2048, size=2048, type=83\nstart=6208, size=2048, type=83\n")
	l := newLab(t, index.InitOptions{NoEncryption: true})
	l.backup(shot{machine: "m", at: second(1), disks: []disk{plain("vda", readFile(t, name))}})
	dir := l.mount(fs.Options{}) + "/machines/m/latest/partitions/"
	for name, want := range map[string]int64{"vda1.raw": 0, "vda2.raw": 64} { // vda2 begins in the middle of the block
		if got := blocksOf(t, dir+name); got != want {
			t.Errorf("%s: %d blocks, want %d", name, got, want)
		}
	}
}

// A table that makes no sense gives no partitions, and no error.
func TestNonsenseTable(t *testing.T) {
	sectors := make([]byte, 1<<20)
	sectors[510], sectors[511] = 0x55, 0xaa
	copy(sectors[446:], bytes.Repeat([]byte{0xff, 0, 0x83, 9}, 16))
	l := newLab(t, index.InitOptions{NoEncryption: true})
	l.backup(shot{machine: "m", at: second(1), disks: []disk{plain("vda", sectors)}})
	entries, err := os.ReadDir(l.mount(fs.Options{}) + "/machines/m/latest/partitions")
	if len(entries) != 0 || err != nil {
		t.Errorf("%v, %v", entries, err)
	}
}
