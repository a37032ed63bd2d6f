package device_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vbfs/restore"
	"vbfs/restore/device"
	"vbfs/restore/targettest"
)

const spare = 1 << 20 // bytes of the device behind the disk

// backing makes a file for a device, full of ones.
func backing(t *testing.T, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backing")
	if err := os.WriteFile(path, bytes.Repeat([]byte{0xff}, int(size)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// loop makes a device of a file, until the test ends. Others on the machine may take the free one that losetup found.
func loop(t *testing.T, args ...string) string {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		out, err := exec.Command("losetup", append([]string{"--show", "-f"}, args...)...).CombinedOutput()
		if err == nil {
			dev := strings.TrimSpace(string(out))
			t.Cleanup(func() {
				if out, err := exec.Command("losetup", "-d", dev).CombinedOutput(); err != nil {
					t.Errorf("losetup -d: %v: %s", err, out)
				}
			})
			return dev
		}
		if time.Now().After(deadline) {
			t.Fatalf("losetup: %v: %s", err, out)
		}
	}
}

// round makes a size one that a device can have.
func round(size int64) int64 { return (size + 4095) &^ 4095 }

func testTarget(t *testing.T, losetup ...string) {
	targettest.Test(t, func(t *testing.T, size int64) targettest.Place {
		file := backing(t, round(size)+spare)
		dev := loop(t, append(losetup, file)...)
		return targettest.Place{
			Open: func(s restore.Spec) (restore.Target, error) { return device.Open(dev, s) },
			Read: func(size int64) []byte {
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if rest := b[size:]; bytes.Count(rest, []byte{0xff}) != len(rest) {
					t.Fatal("bytes behind the disk were changed")
				}
				return b[:size]
			},
		}
	})
}

func TestTarget(t *testing.T)            { testTarget(t) }
func TestTargetOf4KSectors(t *testing.T) { testTarget(t, "--sector-size", "4096") }

// TestThin restores zeros over a device that is full: its file gets its space back.
func TestThin(t *testing.T) {
	const size = 16 << 20
	file := backing(t, size)
	target, err := device.Open(loop(t, file), restore.Spec{Size: size, Overwrite: true})
	if err != nil {
		t.Fatal(err)
	}
	img := &targettest.Image{Bytes: make([]byte, size), Ranges: []targettest.Range{{Len: size}}}
	if err := restore.Copy(t.Context(), img, target, restore.Options{}); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(file, &st); err != nil {
		t.Fatal(err)
	}
	if st.Blocks != 0 {
		t.Fatalf("%d bytes are still allocated", st.Blocks*512)
	}
}

func TestRefused(t *testing.T) {
	const size = 4 << 20
	dev := loop(t, backing(t, size))
	readOnly := loop(t, "-r", backing(t, size))
	for _, c := range []struct {
		name, path string
		spec       restore.Spec
		want       error
	}{
		{"not allowed", dev, restore.Spec{Size: size}, restore.ErrExists},
		{"too small", dev, restore.Spec{Size: size + 1, Overwrite: true}, restore.ErrTooSmall},
		{"read-only", readOnly, restore.Spec{Size: size, Overwrite: true}, restore.ErrReadOnly},
		{"no block device", "/dev/null", restore.Spec{Size: 1, Overwrite: true}, restore.ErrUnsupported},
	} {
		if _, err := device.Open(c.path, c.spec); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if b, err := os.ReadFile(dev); err != nil || bytes.Count(b, []byte{0xff}) != size {
		t.Errorf("a refused device was changed, or %v", err)
	}
}

func TestMounted(t *testing.T) {
	const size = 4 << 20
	file := backing(t, size)
	if out, err := exec.Command("mkfs.ext4", "-q", file).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v: %s", err, out)
	}
	dev, dir := loop(t, file), t.TempDir()
	if err := unix.Mount(dev, dir, "ext4", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	if _, err := device.Open(dev, restore.Spec{Size: size, Overwrite: true}); !errors.Is(err, restore.ErrInUse) {
		t.Fatalf("a mounted device: %v", err)
	}
}
