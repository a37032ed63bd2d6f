package qemu

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestLockEnds gives an image free at once, though a process that is being started has the file open still.
func TestLockEnds(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	child, err := unix.Dup(int(l.(locked).Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(child)
	if kind := held(t, path); kind != unix.F_RDLCK {
		t.Errorf("locked, the image has a lock of kind %d", kind)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if kind := held(t, path); kind != unix.F_UNLCK {
		t.Errorf("given free, the image has a lock of kind %d", kind)
	}
}

// held is the lock that keeps others from writing.
func held(t *testing.T, path string) int16 {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	kind, err := fcntl(f, unix.F_OFD_GETLK, unix.F_WRLCK, refusedBase+writing[0])
	if err != nil {
		t.Fatal(err)
	}
	return kind
}
