//go:build cgo && !nolibnbd

package libvirt

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"vbfs/ingest"
	"vbfs/testdata/lab"
)

// smallScratch is a scratch directory on a file system of its own.
func smallScratch(t *testing.T, size string) string {
	t.Helper()
	dir := scratchDir(t)
	must(t, syscall.Mount("none", dir, "tmpfs", 0, "size="+size))
	t.Cleanup(func() { syscall.Unmount(dir, 0) })
	return dir
}

// A run that would leave the guest without room for its writes ends before, and says so; one that cannot begin says so at once.
func TestScratchFull(t *testing.T) {
	t.Parallel()
	small := smallScratch(t, "8m") // before the lab, which sees no later one
	b := benchOn(t, lab.Start(t), lab.Spec{Disks: []lab.Disk{{Target: "vda", Size: 16 * mib}}})
	b.dom.Write("vda", 1, 0, 16*mib)
	b.o.Scratch = small
	if _, err := b.run("auto"); !errors.Is(err, ErrScratch) || !strings.Contains(err.Error(), "--scratch") {
		t.Errorf("%v", err)
	}
	b.o.ScratchFree = 6 * mib
	b.meddle = func(*ingest.Shot) {
		b.dom.Write("vda", 2, 0, 7*mib)
		b.noJob()
		b.dom.Write("vda", 3, 8*mib, 8*mib)
	}
	if m, err := b.run("auto"); m != nil || !errors.Is(err, ErrScratch) {
		t.Errorf("%+v %v", m, err)
	}
	if b.noFiles(); len(b.ours()) > 0 {
		t.Error(b.ours())
	}
	b.meddle, b.o = nil, Options{Scratch: scratchDir(t)}
	b.take("auto")
}

// The scratch directory is QEMU's user's and nobody else's.
func TestPlace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, err := newPlace(dir, "x", true)
	must(t, err)
	must(t, p.make(64055))
	info, err := os.Stat(p.base)
	must(t, err)
	if s := info.Sys().(*syscall.Stat_t); s.Uid != 64055 || info.Mode().Perm() != 0o700 {
		t.Errorf("%d %v", s.Uid, info.Mode())
	}
	if err := p.make(0); !errors.Is(err, os.ErrExist) {
		t.Errorf("taken over: %v", err)
	}
	must(t, p.clear())
	if _, err := newPlace(dir+strings.Repeat("x", 100), "x", true); err == nil || !strings.Contains(err.Error(), "too long for a socket") {
		t.Error(err)
	}
	if n := room([]int64{16 * mib, 0}); n < 16*mib || n > 20*mib {
		t.Errorf("small disks need %d", n)
	}
	if n := room([]int64{100 << 30}); n != 10<<30 {
		t.Errorf("large disks need %d", n)
	}
}
