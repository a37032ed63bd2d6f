package object_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"vbfs/index/object"
	"vbfs/index/object/objecttest"
)

func openLocal(t *testing.T, dir string) *object.Local {
	t.Helper()
	l, err := object.OpenLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// ways are the three in which a file can get its name.
var ways = map[string]func(*object.Local) *object.Local{
	"tmpfile": func(l *object.Local) *object.Local { return l },
	"rename":  func(l *object.Local) *object.Local { return l.UseNamed(false) },
	"link":    func(l *object.Local) *object.Local { return l.UseNamed(true) },
}

func TestLocal(t *testing.T) {
	for way, with := range ways {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			objecttest.Test(t, func(t *testing.T) object.Store { return with(openLocal(t, t.TempDir())) })
		})
	}
}

// files lists every file under dir, temporary ones too.
func files(t *testing.T, dir string) []string {
	t.Helper()
	found := []string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, p)
			found = append(found, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestLocalLeavesNoFiles(t *testing.T) {
	for way, with := range ways {
		dir := t.TempDir()
		l := with(openLocal(t, dir))
		objecttest.MustPut(t, l, "packs/a", []byte("x"))
		if err := object.PutBytes(t.Context(), l, "packs/a", []byte("y")); !errors.Is(err, object.ErrExists) {
			t.Errorf("%s: put again: %v", way, err)
		}
		u, err := l.PutIfAbsent(t.Context(), "packs/b")
		if err != nil {
			t.Fatal(err)
		}
		u.Write([]byte("x"))
		if err := u.Abort(); err != nil {
			t.Errorf("%s: abort: %v", way, err)
		}
		if got := files(t, dir); !slices.Equal(got, []string{"packs/a"}) {
			t.Errorf("%s: files left: %q", way, got)
		}
	}
}

func TestLocalModes(t *testing.T) {
	for way, with := range ways {
		dir := t.TempDir()
		objecttest.MustPut(t, with(openLocal(t, dir)), "packs/ab/c", nil)
		for p, want := range map[string]fs.FileMode{"packs": 0o700, "packs/ab": 0o700, "packs/ab/c": 0o600} {
			fi, err := os.Stat(filepath.Join(dir, p))
			if err != nil || fi.Mode().Perm() != want {
				t.Errorf("%s: %s: %v, %v", way, p, fi.Mode(), err)
			}
		}
	}
}

// TestLocalSweeps shows that a dead process's temporary file goes, and a living one's stays.
func TestLocalSweeps(t *testing.T) {
	dir := t.TempDir()
	living, err := openLocal(t, dir).UseNamed(false).PutIfAbsent(t.Context(), "living")
	if err != nil {
		t.Fatal(err)
	}
	defer living.Abort()
	if err := os.WriteFile(filepath.Join(dir, ".tmp", "dead"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	objecttest.MustPut(t, openLocal(t, dir).UseNamed(false), "other", nil)
	if err := living.Commit(); err != nil {
		t.Errorf("commit beside a sweep: %v", err)
	}
	if got := files(t, dir); !slices.Equal(got, []string{"living", "other"}) {
		t.Errorf("files left: %q", got)
	}
}

// TestLocalForeign shows what is made of files that no object can be.
func TestLocalForeign(t *testing.T) {
	dir := t.TempDir()
	l := openLocal(t, dir)
	objecttest.MustPut(t, l, "packs/a", nil)
	for _, p := range []string{"lost+found", "README", ".hidden", "packs/A"} {
		if err := os.WriteFile(filepath.Join(dir, p), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := objecttest.Names(t, l, ""); !slices.Equal(got, []string{"packs/a"}) {
		t.Errorf("listed %q", got)
	}
	if err := os.Symlink("a", filepath.Join(dir, "packs", "b")); err != nil {
		t.Fatal(err)
	}
	if err := listError(t.Context(), l, "packs"); err == nil {
		t.Error("a symbolic link was listed")
	}
	if _, err := l.Stat(t.Context(), "packs/b"); err == nil || errors.Is(err, object.ErrNotExist) {
		t.Errorf("stat of a symbolic link: %v", err)
	}
}

func listError(ctx context.Context, s object.Store, prefix string) error {
	for _, err := range s.List(ctx, prefix) {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestLocalCannotEscape(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "packs")); err != nil {
		t.Fatal(err)
	}
	if err := object.PutBytes(t.Context(), openLocal(t, dir), "packs/a", nil); err == nil {
		t.Error("put through a link out of the store: no error")
	}
	if got := files(t, outside); len(got) > 0 {
		t.Errorf("outside: %q", got)
	}
}

// TestLocalOtherProcess deletes and puts again through one store what another has open.
func TestLocalOtherProcess(t *testing.T) {
	dir := t.TempDir()
	l, other := openLocal(t, dir), openLocal(t, dir)
	objecttest.MustPut(t, other, "gc/1", []byte("old"))
	p := make([]byte, 3)
	if err := l.Get(t.Context(), "gc/1", p, 0); err != nil || string(p) != "old" {
		t.Fatalf("%q, %v", p, err)
	}
	if err := other.Delete(t.Context(), "gc/1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Get(t.Context(), "gc/1", p, 0); !errors.Is(err, object.ErrNotExist) {
		t.Errorf("get after delete: %v", err)
	}
	objecttest.MustPut(t, other, "gc/1", []byte("new"))
	if err := l.Get(t.Context(), "gc/1", p, 0); err != nil || string(p) != "new" {
		t.Errorf("get of the new object: %q, %v", p, err)
	}
}

// TestLocalFiles reads more objects at once than are kept open, and counts descriptors.
func TestLocalFiles(t *testing.T) {
	dir := t.TempDir()
	const objects = object.CachedFiles + 64
	for i := range objects {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), fmt.Append(nil, 1000+i), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := object.OpenLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() { readAll(t, l, objects, w*objects/4) })
	}
	wg.Wait()
	if n := descriptorsUnder(t, dir); n > object.CachedFiles+1 {
		t.Errorf("%d descriptors open, at most %d kept", n, object.CachedFiles)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if n := descriptorsUnder(t, dir); n != 0 {
		t.Errorf("%d descriptors leaked", n)
	}
}

func readAll(t *testing.T, l *object.Local, objects, from int) {
	p := make([]byte, 4)
	for round := range 3 {
		for i := range objects {
			n := (from + i) % objects
			if err := l.Get(t.Context(), fmt.Sprint(n), p, 0); err != nil || !bytes.Equal(p, fmt.Append(nil, 1000+n)) {
				t.Errorf("round %d: object %d reads %q, %v", round, n, p, err)
			}
		}
	}
}

// descriptorsUnder counts this process's descriptors of dir and of what is or was in it.
func descriptorsUnder(t *testing.T, dir string) int {
	t.Helper()
	fds, err := filepath.Glob("/proc/self/fd/*")
	if err != nil || len(fds) == 0 {
		t.Fatalf("no descriptors: %v", err)
	}
	n := 0
	for _, fd := range fds {
		if to, _ := os.Readlink(fd); to == dir || len(to) > len(dir) && to[:len(dir)+1] == dir+"/" {
			n++
		}
	}
	return n
}

func TestLocalUploadsLeakNothing(t *testing.T) {
	for way, with := range ways {
		dir := t.TempDir()
		l := with(openLocal(t, dir))
		before := descriptorsUnder(t, dir)
		for range 10 {
			object.PutBytes(t.Context(), l, "packs/a", []byte("x"))
			l.PutIfAbsent(t.Context(), "packs/a/b")
			if u, err := l.PutIfAbsent(t.Context(), "b"); err == nil {
				u.Abort()
			}
			listError(t.Context(), l, "")
		}
		if err := l.Delete(t.Context(), "packs/a"); err != nil {
			t.Fatal(err)
		}
		if after := descriptorsUnder(t, dir); after != before {
			t.Errorf("%s: %d descriptors before, %d after", way, before, after)
		}
	}
}

func TestLocalFree(t *testing.T) {
	dir := t.TempDir()
	free, err := openLocal(t, dir).Free(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	// Others write to the same disk meanwhile.
	if want := int64(st.Bavail) * st.Frsize; free < want-1<<30 || free > want+1<<30 {
		t.Errorf("free: %d, statfs says %d", free, want)
	}
}

func TestOpenLocalMissing(t *testing.T) {
	if _, err := object.OpenLocal(filepath.Join(t.TempDir(), "nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got error %v", err)
	}
}
