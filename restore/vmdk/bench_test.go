package vmdk_test

import (
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"vbfs/restore"
	ours "vbfs/restore/vmdk"
)

// BenchmarkStream streams a disk, of programs and texts as this machine has them and of noise, against qemu-img in the same run.
//
//	go test -run - -bench Stream -benchtime 3x ./restore/vmdk
func BenchmarkStream(b *testing.B) {
	dir := b.TempDir()
	raw := filepath.Join(dir, "raw")
	img := machineLike(b, raw, 256<<20)
	for b.Loop() {
		theirs, mine := filepath.Join(dir, "theirs.vmdk"), filepath.Join(dir, "ours.vmdk")
		begin := time.Now()
		out, err := exec.Command("qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", raw, theirs).CombinedOutput()
		if err != nil {
			b.Fatal(err, string(out))
		}
		middle := time.Now()
		f, err := os.Create(mine)
		if err != nil {
			b.Fatal(err)
		}
		if err := ours.Stream(b.Context(), f, img, ours.StreamOptions{Meta: ours.Meta{Name: "ours.vmdk"}}); err != nil {
			b.Fatal(err)
		}
		f.Close()
		took, peer := time.Since(middle), middle.Sub(begin)
		b.ReportMetric(peer.Seconds()/took.Seconds(), "x-qemu-img")
		b.ReportMetric(float64(img.Size())/1e6/took.Seconds(), "MB/s")
		b.ReportMetric(float64(length(b, mine))/float64(length(b, theirs)), "size-of-theirs")
	}
}

func length(b *testing.B, path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}

// An inFile is an image in a file, all of it data.
type inFile struct {
	*os.File
	size int64
}

func (f inFile) Size() int64                           { return f.size }
func (f inFile) Extent(off int64) (int64, bool, error) { return f.size - off, true, nil }

// machineLike makes a disk of this machine's programs, with noise and zeros between.
func machineLike(b *testing.B, path string, size int64) restore.Image {
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	rng := rand.NewChaCha8([32]byte{})
	off := int64(0)
	files, _ := filepath.Glob("/usr/bin/*")
	for i, name := range files {
		p, err := os.ReadFile(name)
		if err != nil || len(p) == 0 {
			continue
		}
		if i%8 == 0 {
			rng.Read(p)
		}
		if off+int64(len(p)) > size {
			break
		}
		if _, err := f.WriteAt(p, off); err != nil {
			b.Fatal(err)
		}
		off += (int64(len(p)) + 4095) &^ 4095
		if i%5 == 0 {
			off += 256 << 10
		}
	}
	if err := f.Truncate(size); err != nil {
		b.Fatal(err)
	}
	return inFile{f, size}
}

var _ io.ReaderAt = inFile{}
