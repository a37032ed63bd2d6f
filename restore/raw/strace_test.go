package raw_test

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"vbfs/restore"
	"vbfs/restore/raw"
	"vbfs/restore/targettest"
)

func strange() *targettest.Image {
	return targettest.Random(200*restore.Granule+1, rand.New(rand.NewPCG(5, 5)))
}

// TestOnce is one restore, to the file that the command line names: TestSystemCalls runs it under strace.
func TestOnce(t *testing.T) {
	path := flag.Arg(0)
	if path == "" {
		path = filepath.Join(t.TempDir(), "disk.raw")
	}
	img := strange()
	target, err := raw.Open(path, restore.Spec{Size: img.Size(), Data: img.Size()})
	if err != nil {
		t.Fatal(err)
	}
	if err := restore.Copy(t.Context(), img, target, restore.Options{Verify: true}); err != nil {
		t.Fatal(err)
	}
}

// TestSystemCalls has one system call fail. Either the restore fails and leaves nothing, or the file is right.
func TestSystemCalls(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		inject string
		works  bool
	}{
		{"none", true},
		{"fsync:error=EIO:when=1", false},
		{"pwrite64:error=ENOSPC:when=2", false},
		{"pwrite64:error=EIO:when=1", false},
		{"ftruncate:error=EFBIG", false},
		{"renameat2:error=EIO", false},
		{"renameat2:error=EINVAL", true}, // a file system without RENAME_NOREPLACE
		{"fadvise64:error=EIO", true},
		{"lseek:error=EIO", false},
	} {
		t.Run(c.inject, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "disk.raw")
			args := []string{"-f", "-qqq", "-o", "/dev/null"}
			if c.inject != "none" {
				args = append(args, "-e", "inject="+c.inject)
			}
			out, err := exec.Command("strace", append(args, self, "-test.run=^TestOnce$", path)...).CombinedOutput()
			if works := err == nil; works != c.works {
				t.Fatalf("restore with %s: %v: %s", c.inject, err, out)
			}
			if !c.works {
				only(t, path, nothing)
				return
			}
			only(t, path)
			if !bytes.Equal(read(t, path), strange().Bytes) {
				t.Fatal("the file is wrong")
			}
		})
	}
}
