package object_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"vbfs/index/object"
	"vbfs/index/object/objecttest"
)

// tool runs a tool that has to succeed.
func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// mountExt4 mounts a file system that knows the attributes of chattr; it needs root.
func mountExt4(t *testing.T) string {
	t.Helper()
	image, dir := filepath.Join(t.TempDir(), "image"), t.TempDir()
	tool(t, "truncate", "-s", "16M", image)
	tool(t, "mkfs.ext4", "-q", image)
	tool(t, "mount", "-o", "loop", image, dir)
	t.Cleanup(func() { tool(t, "umount", dir) })
	return dir
}

// TestLocalAppendOnly puts into append-only directories in each way, leaves no stray file there, and cannot delete.
func TestLocalAppendOnly(t *testing.T) {
	t.Parallel()
	mnt := mountExt4(t)
	for way, with := range ways {
		dir := filepath.Join(mnt, way)
		if err := os.MkdirAll(filepath.Join(dir, "packs"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(dir, ".tmp"), 0o700); err != nil {
			t.Fatal(err)
		}
		tool(t, "chattr", "+a", dir, dir+"/packs")
		l := with(openLocal(t, dir))
		for _, name := range []string{"config", "packs/a", "packs/ab/b"} {
			objecttest.MustPut(t, l, name, []byte("x"))
			if err := object.PutBytes(t.Context(), l, name, []byte("y")); !errors.Is(err, object.ErrExists) {
				t.Errorf("%s: %s is put again: %v", way, name, err)
			}
		}
		for name, sealed := range map[string]bool{"config": true, "packs/a": true, "packs/no": true, "packs/ab/b": false, "gc/no": false} {
			if err := l.MayDelete(t.Context(), name); errors.Is(err, object.ErrAppendOnly) != sealed || !sealed && err != nil {
				t.Errorf("%s: may %s be deleted: %v", way, name, err)
			}
		}
		tool(t, "chattr", "+i", dir+"/packs/ab/b")
		for _, name := range []string{"config", "packs/a", "packs/ab/b"} {
			err := l.Delete(t.Context(), name)
			if !errors.Is(err, object.ErrAppendOnly) || !errors.Is(err, unix.EPERM) {
				t.Errorf("%s: delete %s: %v", way, name, err)
			}
		}
		if got := files(t, dir); !slices.Equal(got, []string{"config", "packs/a", "packs/ab/b"}) {
			t.Errorf("%s: files are %q", way, got)
		}
		tool(t, "chattr", "-R", "-a", "-i", dir)
		if err := l.Delete(t.Context(), "packs/a"); err != nil {
			t.Errorf("%s: delete when that is lifted: %v", way, err)
		}
	}
}
