package target_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"vbfs/restore"
	"vbfs/restore/target"
)

// A disk of memory: data and holes of 32 MiB in turn, the same random bytes in each run of data.
type disk struct {
	data []byte
	size int64
}

func newDisk(size int64) disk {
	d := disk{make([]byte, 32<<20), size}
	rng := rand.NewChaCha8([32]byte{})
	rng.Read(d.data)
	return d
}

func (d disk) Size() int64 { return d.size }

func (d disk) ReadAt(p []byte, off int64) (int, error) {
	return copy(p, d.data[off%int64(len(d.data)):]), nil
}

func (d disk) Extent(off int64) (int64, bool, error) {
	run := int64(len(d.data))
	return run - off%run, off/run%2 == 0, nil
}

// BenchmarkRestore restores 1 GiB of data of a disk of 2 GiB; convert is the other way to qcow2: a raw file, and
// qemu-img.
func BenchmarkRestore(b *testing.B) {
	img := newDisk(2 << 30)
	for _, kind := range []string{"raw", "qcow2", "vmdk", "convert"} {
		b.Run(kind, func(b *testing.B) {
			b.SetBytes(img.size / 2)
			for b.Loop() {
				dir := b.TempDir()
				file := filepath.Join(dir, "disk."+kind)
				to, err := target.Open(b.Context(), file, restore.Spec{Size: img.size, Data: img.size / 2})
				if err != nil {
					b.Fatal(err)
				}
				if err := restore.Copy(b.Context(), img, to, restore.Options{}); err != nil {
					b.Fatal(err)
				}
				if kind == "convert" {
					args := []string{"convert", "-W", "-m", "8", "-f", "raw", "-O", "qcow2", file, file + ".qcow2"}
					if out, err := exec.Command("qemu-img", args...).CombinedOutput(); err != nil {
						b.Fatalf("qemu-img: %v: %s", err, out)
					}
				}
				if err := os.RemoveAll(dir); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
