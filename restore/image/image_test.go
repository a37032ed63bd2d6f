package image_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"vbfs/restore"
	"vbfs/restore/image"
	"vbfs/restore/targettest"
)

const old = "what was there before"

var formats = []string{"qcow2", "vmdk"}

func qemuImg(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("qemu-img", args...).CombinedOutput(); err != nil {
		t.Fatalf("qemu-img %q: %v: %s", args, err, out)
	}
}

// convert reads an image by other means: as QEMU converts it, checked first.
func convert(t *testing.T, format, path string, size int64) []byte {
	t.Helper()
	qemuImg(t, "check", "-f", format, path)
	raw := filepath.Join(t.TempDir(), "raw")
	qemuImg(t, "convert", "-f", format, "-O", "raw", path, raw)
	b, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(b)) != (size+511)&^511 {
		t.Fatalf("the image is of %d bytes, the disk of %d", len(b), size)
	}
	return b[:size]
}

func TestTarget(t *testing.T) {
	for _, format := range formats {
		t.Run(format, func(t *testing.T) {
			targettest.Test(t, func(t *testing.T, size int64) targettest.Place {
				path := filepath.Join(t.TempDir(), "disk."+format)
				if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
					t.Fatal(err)
				}
				return targettest.Place{
					Open: func(s restore.Spec) (restore.Target, error) {
						s.Format = format
						return image.Open(t.Context(), path, s)
					},
					Read: func(size int64) []byte {
						count(t, path, 1)
						return convert(t, format, path, size)
					},
					Untouched: func() {
						count(t, path, 1)
						if b, err := os.ReadFile(path); err != nil || string(b) != old {
							t.Fatalf("the old file holds %q, %v", b, err)
						}
					},
				}
			})
		})
	}
}

// count checks how many files there are beside path, and it.
func count(t *testing.T, path string, want int) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != want {
		t.Fatalf("the directory holds %v, %v", entries, err)
	}
}

func TestRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk.qcow2")
	if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := image.Open(t.Context(), path, restore.Spec{Size: 4096, Format: "qcow2"}); !errors.Is(err, restore.ErrExists) {
		t.Errorf("an existing file: %v", err)
	}
	spec := restore.Spec{Size: 4096, Format: "raw", Overwrite: true}
	if _, err := image.Open(t.Context(), path, spec); !errors.Is(err, restore.ErrUnsupported) {
		t.Errorf("another format: %v", err)
	}
	spec = restore.Spec{Size: 4096, Data: 1 << 60, Format: "qcow2", Overwrite: true}
	if _, err := image.Open(t.Context(), path, spec); !errors.Is(err, restore.ErrNoSpace) {
		t.Errorf("a disk that does not fit: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	spec = restore.Spec{Size: 4096, Format: "qcow2", Overwrite: true}
	if _, err := image.Open(ctx, path, spec); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	count(t, path, 1)
}

// TestFull has the file system fill up under qemu-nbd.
func TestFull(t *testing.T) {
	for _, format := range formats {
		dir := t.TempDir()
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(dir, 0); err != nil {
				t.Error(err)
			}
		})
		path := filepath.Join(dir, "disk")
		img := targettest.Random(200*restore.Granule, rand.New(rand.NewPCG(1, 1)))
		target, err := image.Open(t.Context(), path, restore.Spec{Size: img.Size(), Format: format})
		if err != nil {
			t.Fatal(err)
		}
		if err := restore.Copy(t.Context(), img, target, restore.Options{}); err == nil {
			t.Errorf("%s: a full file system took the disk", format)
		}
		count(t, path, 0)
	}
}

// TestThin holds the file of a large, nearly empty disk against what its data needs.
func TestThin(t *testing.T) {
	for _, format := range formats {
		path := filepath.Join(t.TempDir(), "disk")
		target, err := image.Open(t.Context(), path, restore.Spec{Size: 1 << 40, Format: format})
		if err != nil {
			t.Fatal(err)
		}
		if err := restore.Copy(t.Context(), ones{1 << 40}, target, restore.Options{}); err != nil {
			t.Fatal(err)
		}
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil {
			t.Fatal(err)
		}
		if st.Blocks*512 > 4<<20 {
			t.Errorf("%s: %d bytes for a granule of data", format, st.Blocks*512)
		}
		qemuImg(t, "check", "-f", format, path)
	}
}

// ones is an image with one granule of data, at its end.
type ones struct{ size int64 }

func (o ones) Size() int64 { return o.size }

func (o ones) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		p[i] = 1
	}
	return len(p), nil
}

func (o ones) Extent(off int64) (int64, bool, error) {
	if last := o.size - restore.Granule; off < last {
		return last - off, false, nil
	}
	return o.size - off, true, nil
}
