//go:build cgo && !nolibnbd

package file

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"vbfs/hyper/qemu"
)

func TestImages(t *testing.T) {
	t.Parallel()
	plain := sample(4 << 20)
	dir := t.TempDir()
	disk := write(t, filepath.Join(dir, "disk.raw"), plain)
	for _, c := range []struct {
		name, format string
		args         []string
	}{
		{"q", "qcow2", nil},
		{"a b: c,d.img", "qcow2", []string{"-c"}},
		{"z.qcow2", "qcow2", []string{"-c", "-o", "compression_type=zstd"}},
		{"v.vmdk", "vmdk", nil},
		{"flat.vmdk", "vmdk", []string{"-o", "subformat=monolithicFlat"}},
		{"split.vmdk", "vmdk", []string{"-o", "subformat=twoGbMaxExtentSparse"}},
		{"stream.vmdk", "vmdk", []string{"-o", "subformat=streamOptimized"}},
		{"x.vhdx", "vhdx", nil},
		{"i.vdi", "vdi", nil},
	} {
		path := filepath.Join(dir, c.name)
		tool(t, "qemu-img", append(append([]string{"convert", "-f", "raw", "-O", c.format}, c.args...), disk, path)...)
		conform(t, c.name, path, c.format, plain)
	}
}

func TestChain(t *testing.T) {
	t.Parallel()
	plain := sample(4 << 20)
	dir := t.TempDir()
	base, top := write(t, filepath.Join(dir, "base.raw"), plain), filepath.Join(dir, "top.qcow2")
	tool(t, "qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", top)
	tool(t, "qemu-io", "-f", "qcow2", "-c", "write -P 7 100k 70k", "-c", "write -z 1M 64k", top)
	expect := bytes.Clone(plain)
	copy(expect[100<<10:], bytes.Repeat([]byte{7}, 70<<10))
	clear(expect[1<<20 : 1<<20+64<<10])
	conform(t, "overlay", top, "qcow2", expect)
	src := open(t, top, Options{})
	if err := os.Chtimes(base, time.Time{}, time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if yes, how := src.Changed(); !yes || !strings.Contains(how, base) {
		t.Errorf("a written base: %v, %q", yes, how)
	}
}

func TestFormatIsTheUsers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := write(t, filepath.Join(dir, "secret"), sample(1<<20))
	trap := filepath.Join(dir, "guest")
	tool(t, "qemu-img", "create", "-q", "-f", "qcow2", "-b", secret, "-F", "raw", trap)
	plain, err := os.ReadFile(trap)
	if err != nil {
		t.Fatal(err)
	}
	src := open(t, trap, Options{Format: qemu.Raw})
	got := make([]byte, len(plain))
	if _, err := src.ReadAt(got, 0); err != nil || src.Size() != int64(len(plain)) || !bytes.Equal(got, plain) {
		t.Errorf("a raw disk that looks like a qcow2 is not read as it is: %v", err)
	}
	if _, err := Open(t.Context(), secret, Options{Format: qemu.QCow2}); err == nil {
		t.Error("a qcow2 that is none is no error")
	}
}

func TestImageInUse(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.qcow2")
	tool(t, "qemu-img", "create", "-q", "-f", "qcow2", path, "1M")
	writer, err := qemu.Serve(t.Context(), qemu.Image{Path: path, Format: qemu.QCow2}, qemu.ServeOptions{Writable: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { writer.Close() })
	if _, err := Open(t.Context(), path, Options{}); err == nil || !strings.Contains(err.Error(), "lock") {
		t.Errorf("an image that is being written: %v", err)
	}
}

func TestUnsafeBase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.qcow2")
	tool(t, "qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", "nbd://localhost/x", "-F", "raw", path, "1M")
	if _, err := Open(t.Context(), path, Options{}); !errors.Is(err, qemu.ErrBacking) {
		t.Errorf("%v", err)
	}
}

// TestCutOff: QEMU reads zeros where an image's file ends.
func TestCutOff(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plain := make([]byte, 4<<20)
	rand.NewChaCha8([32]byte{}).Read(plain)
	disk := write(t, filepath.Join(dir, "disk.raw"), plain)
	for i, c := range []struct{ format, cut, option string }{
		{"qcow2", "", "compat=1.1"},
		{"vmdk", "", "subformat=monolithicSparse"},
		{"vmdk", "", "subformat=streamOptimized"},
		{"vmdk", "-flat", "subformat=monolithicFlat"},
		{"vhdx", "", "subformat=dynamic"},
		{"vdi", "", "static=off"},
	} {
		name := filepath.Join(dir, strconv.Itoa(i))
		path, data := name+"."+c.format, name+c.cut+"."+c.format
		tool(t, "qemu-img", "convert", "-f", "raw", "-O", c.format, "-o", c.option, disk, path)
		info, err := os.Stat(data)
		if err != nil {
			t.Fatal(err)
		}
		length := info.Size() - 1<<20
		if c.format == "vhdx" {
			length -= 4 << 20 // its blocks of 8 MiB begin at 8 MiB
		}
		open(t, path, Options{}).Close() // whole, it is good
		if err := os.Truncate(data, length); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), path, Options{}); err == nil || !strings.Contains(err.Error(), data) {
			t.Errorf("%s %s: %v", c.format, c.option, err)
		}
	}
}
