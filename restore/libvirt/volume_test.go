package libvirt

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	hyper "vbfs/hyper/libvirt"
	"vbfs/index/format"
	"vbfs/restore"
	"vbfs/restore/machine"
	"vbfs/restore/targettest"
	"vbfs/testdata/lab"
)

// TestVolume is the suite of all targets, for images of both formats on another host.
func TestVolume(t *testing.T) {
	t.Parallel()
	lab := lab.Start(t)
	conn, err := hyper.Dial(t.Context(), lab.TLS())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	pool := filepath.Join(lab.Dir, "pool")
	lab.Virsh("pool-create-as", "fast", "dir", "--target", pool, "--build")
	h := newRemote(t.Context(), conn, &hyper.Pool{Name: "fast", Path: pool + "/"}, nil)
	for _, kind := range []string{"raw", "qcow2"} {
		t.Run(kind, func(t *testing.T) {
			number := 0
			targettest.Test(t, func(t *testing.T, size int64) targettest.Place {
				number++
				to := file{h.path(fmt.Sprint(kind, " ", number)), kind}
				return targettest.Place{
					Open: func(restore.Spec) (restore.Target, error) {
						return h.open(t.Context(), machine.Disk{Record: &format.Disk{Size: size}}, to)
					},
					Read:      func(size int64) []byte { return stored(t, to, size) },
					Untouched: func() { gone(t, to.path) },
				}
			})
		})
	}
}

// stored is what QEMU finds in an image.
func stored(t *testing.T, f file, size int64) []byte {
	t.Helper()
	raw := filepath.Join(t.TempDir(), "raw")
	if out, err := exec.Command("qemu-img", "convert", "-f", f.format, "-O", "raw", f.path, raw).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	b, err := os.ReadFile(raw)
	if err != nil || int64(len(b)) < size {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	return b[:size]
}

func gone(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("%s is there: %v", path, err)
	}
}
