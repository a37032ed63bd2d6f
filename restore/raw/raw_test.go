package raw_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"vbfs/restore"
	"vbfs/restore/raw"
	"vbfs/restore/targettest"
)

const old = "what was there before"

func TestNewFile(t *testing.T) {
	targettest.Test(t, func(t *testing.T, size int64) targettest.Place {
		path := filepath.Join(t.TempDir(), "disk.raw")
		return targettest.Place{
			Open:      func(s restore.Spec) (restore.Target, error) { s.Overwrite = false; return raw.Open(path, s) },
			Read:      func(int64) []byte { only(t, path); return read(t, path) },
			Untouched: func() { only(t, path, nothing) },
		}
	})
}

func TestOverwrite(t *testing.T) {
	targettest.Test(t, func(t *testing.T, size int64) targettest.Place {
		path := filepath.Join(t.TempDir(), "disk.raw")
		write(t, path, old)
		return targettest.Place{
			Open: func(s restore.Spec) (restore.Target, error) { return raw.Open(path, s) },
			Read: func(int64) []byte { only(t, path); return read(t, path) },
			Untouched: func() {
				only(t, path)
				if got := string(read(t, path)); got != old {
					t.Fatalf("the old file holds %q", got)
				}
			},
		}
	})
}

func TestExisting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk.raw")
	write(t, path, old)
	_, err := raw.Open(path, restore.Spec{Size: 4096})
	if !errors.Is(err, restore.ErrExists) {
		t.Fatalf("an existing file: %v", err)
	}
	only(t, path)
	if got := string(read(t, path)); got != old {
		t.Fatalf("the old file holds %q", got)
	}
}

func TestAppearsMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk.raw")
	target, err := raw.Open(path, restore.Spec{Size: 4096})
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, old)
	if err := target.Sync(); !errors.Is(err, restore.ErrExists) {
		t.Fatalf("a file that appeared meanwhile: %v", err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	only(t, path)
	if got := string(read(t, path)); got != old {
		t.Fatalf("the other file holds %q", got)
	}
}

func TestOverwriteKeepsOwnerModeAndLink(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "disk.raw"), filepath.Join(t.TempDir(), "link")
	write(t, path, old)
	for _, err := range []error{os.Chmod(path, 0o640), os.Chown(path, 1234, 2345), os.Symlink(path, link)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	img := targettest.Random(100_000, rand.New(rand.NewPCG(1, 1)))
	target, err := raw.Open(link, restore.Spec{Size: img.Size(), Overwrite: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := restore.Copy(t.Context(), img, target, restore.Options{}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	if info.Mode() != 0o640 || st.Uid != 1234 || st.Gid != 2345 || info.Size() != img.Size() {
		t.Fatalf("the file is %v, %d:%d, %d bytes", info.Mode(), st.Uid, st.Gid, info.Size())
	}
	if to, err := os.Readlink(link); to != path || err != nil {
		t.Fatalf("the link leads to %q, %v", to, err)
	}
}

func TestNotAFile(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, fifo, "/dev/null"} {
		if _, err := raw.Open(path, restore.Spec{Size: 1, Overwrite: true}); !errors.Is(err, restore.ErrUnsupported) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := raw.Open(filepath.Join(dir, "none", "disk"), restore.Spec{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such directory: %v", err)
	}
}

// TestSparse holds the file's blocks against the image's data.
func TestSparse(t *testing.T) {
	img := targettest.Random(400*restore.Granule, rand.New(rand.NewPCG(2, 2)))
	amount, err := restore.Survey(t.Context(), img)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "disk.raw")
	target, err := raw.Open(path, restore.Spec{Size: img.Size()})
	if err != nil {
		t.Fatal(err)
	}
	if err := restore.Copy(t.Context(), img, target, restore.Options{}); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	allocated := st.Blocks * 512 // the file system counts blocks of its own in
	if allocated < amount.Data || allocated >= amount.Data+restore.Granule || st.Size != img.Size() {
		t.Fatalf("%d of %d bytes are allocated, the image has %d of %d", allocated, st.Size, amount.Data, img.Size())
	}
}

// TestNoSpace fills a small file system: noticed before, and when the Spec was wrong, while writing.
func TestNoSpace(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "disk.raw")
	if _, err := raw.Open(path, restore.Spec{Size: 16 << 20, Data: 3 << 20}); !errors.Is(err, restore.ErrNoSpace) {
		t.Fatalf("3 MiB into 2: %v", err)
	}
	only(t, path, nothing)
	img := targettest.Random(128*restore.Granule, rand.New(rand.NewPCG(3, 3)))
	target, err := raw.Open(path, restore.Spec{Size: img.Size()})
	if err != nil {
		t.Fatal(err)
	}
	if err := restore.Copy(t.Context(), img, target, restore.Options{}); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("a full file system: %v", err)
	}
	only(t, path, nothing)
}

// TestRereadSeesTheFile changes the file between writing and reading back.
func TestRereadSeesTheFile(t *testing.T) {
	for _, hole := range []bool{false, true} {
		img := targettest.Random(100*restore.Granule, rand.New(rand.NewPCG(4, 4)))
		dir := t.TempDir()
		target, err := raw.Open(filepath.Join(dir, "disk.raw"), restore.Spec{Size: img.Size()})
		if err != nil {
			t.Fatal(err)
		}
		err = restore.Copy(t.Context(), img, &meddled{target, img, dir, hole}, restore.Options{Verify: true})
		if !errors.Is(err, restore.ErrMismatch) {
			t.Fatalf("a changed file (in a hole: %v): %v", hole, err)
		}
		only(t, filepath.Join(dir, "disk.raw"), nothing)
	}
}

// A meddled target's file is written to by somebody else before it is read back.
type meddled struct {
	*raw.Target
	img  *targettest.Image
	dir  string
	hole bool
}

func (m *meddled) Reread(ctx context.Context) (r io.ReaderAt, err error) {
	files, err := filepath.Glob(filepath.Join(m.dir, ".restoring-*", "disk.raw"))
	if err != nil || len(files) != 1 {
		return nil, errors.Join(errors.New("no file on the stage"), err)
	}
	f, err := os.OpenFile(files[0], os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for _, g := range m.img.Ranges {
		if g.Data != m.hole {
			if _, err := f.WriteAt([]byte{99}, g.Off); err != nil {
				return nil, err
			}
			break
		}
	}
	return m.Target.Reread(ctx)
}

const nothing = "nothing"

// only checks that path is alone in its directory, or with nothing, that nothing is there.
func only(t *testing.T, path string, but ...string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	want := 1 - len(but)
	if len(entries) != want || want == 1 && entries[0].Name() != filepath.Base(path) {
		t.Fatalf("the directory holds %v", entries)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
