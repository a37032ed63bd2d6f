package target_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"

	"vbfs/restore"
	"vbfs/restore/image"
	"vbfs/restore/raw"
	"vbfs/restore/target"
	"vbfs/restore/targettest"
)

func TestOpenFiles(t *testing.T) {
	for _, c := range []struct{ name, format, want, magic string }{
		{"a.raw", "", fmt.Sprintf("%T", &raw.Target{}), ""},
		{"b", "", fmt.Sprintf("%T", &raw.Target{}), ""},
		{"c.img", "", fmt.Sprintf("%T", &raw.Target{}), ""},
		{"d.QCOW2", "", fmt.Sprintf("%T", &image.Target{}), "QFI\xfb"},
		{"e.vmdk", "", fmt.Sprintf("%T", &image.Target{}), "KDMV"},
		{"f.raw", "qcow2", fmt.Sprintf("%T", &image.Target{}), "QFI\xfb"},
		{"g.qcow2", "raw", fmt.Sprintf("%T", &raw.Target{}), ""},
		{"h.vdi", "raw", fmt.Sprintf("%T", &raw.Target{}), ""},
	} {
		for _, prefix := range []string{"", "file:"} {
			path := filepath.Join(t.TempDir(), c.name)
			img := targettest.Random(300_000, rand.New(rand.NewPCG(1, 1)))
			to, err := target.Open(t.Context(), prefix+path, restore.Spec{Size: img.Size(), Format: c.format})
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%T", to); got != c.want {
				t.Errorf("%s (%s) opens a %s", c.name, c.format, got)
			}
			if err := restore.Copy(t.Context(), img, to, restore.Options{Verify: true}); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(path)
			if magic := c.magic; err != nil || string(b[:len(magic)]) != magic {
				t.Errorf("%s begins with %q, %v", c.name, b[:4], err)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, c := range []struct{ name, format string }{
		{"x.vdi", ""}, {"x.vhdx", ""}, {"x.vhd", ""}, {"x", "vdi"}, {"x", "nonsense"},
		{"http://host/x", ""}, {"ssh://host/x", ""}, {"libvirt:web01", ""}, {"vsphere:dc/vm", ""}, {"nbd://host/x", "qcow2"},
	} {
		_, err := target.Open(t.Context(), c.name, restore.Spec{Size: 1, Format: c.format, Overwrite: true})
		if !errors.Is(err, restore.ErrUnsupported) {
			t.Errorf("%s, format %q: %v", c.name, c.format, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("refused targets left %v, %v", left, err)
	}
}

// TestDevice opens a device far enough to see that it is taken for one.
func TestDevice(t *testing.T) {
	to, err := target.Open(t.Context(), "/dev/loop0", restore.Spec{Size: 1})
	if to != nil || !errors.Is(err, restore.ErrExists) {
		t.Errorf("a block device without leave to overwrite: %T, %v", to, err)
	}
	_, err = target.Open(t.Context(), "/dev/loop0", restore.Spec{Size: 1, Format: "qcow2", Overwrite: true})
	if !errors.Is(err, restore.ErrUnsupported) {
		t.Errorf("qcow2 on a block device: %v", err)
	}
}

// TestNBD sees that a URI is dialled.
func TestNBD(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	called := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			c.Close()
		}
		called <- err
	}()
	_, err = target.Open(t.Context(), "nbd://"+l.Addr().String()+"/x", restore.Spec{Size: 1})
	if err == nil {
		t.Fatal("a server that hangs up was opened")
	}
	if err := <-called; err != nil {
		t.Fatal(err)
	}
}
