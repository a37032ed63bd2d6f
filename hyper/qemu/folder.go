package qemu

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// A folder is a server's own directory, for its socket and its pid file. It is locked as long as this process needs it: that ends with
// the process, however that ends.
type folder struct {
	path string
	lock *os.File
}

const (
	folderPrefix = "vq"
	socketFile   = "s"
	pidFile      = "p"
)

// sweepAge is how old a folder without a lock is when nobody is about to lock it any more.
const sweepAge = time.Minute

// newFolder makes one, and removes those of processes that were killed.
func newFolder() (f folder, err error) {
	sweep(os.TempDir())
	if f.path, err = os.MkdirTemp("", folderPrefix); err != nil {
		return f, fmt.Errorf("directory for a socket: %w", err)
	}
	if f.lock, err = os.Open(f.path); err == nil {
		err = unix.Flock(int(f.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err == nil && len(f.file(socketFile)) > maxSocketPath {
		err = fmt.Errorf("longer than %d bytes, choose a shorter TMPDIR", maxSocketPath)
	}
	if err != nil {
		f.remove()
		return f, fmt.Errorf("socket %s: %w", f.file(socketFile), err)
	}
	return f, nil
}

// file is a path in it.
func (f folder) file(name string) string { return filepath.Join(f.path, name) }

func (f folder) remove() {
	os.RemoveAll(f.path)
	f.lock.Close() // nil is an error, which does not matter
}

// sweep removes folders that nobody holds. What cannot be removed stays: the next run tries again.
func sweep(dir string) {
	all, err := filepath.Glob(filepath.Join(dir, folderPrefix+"*"))
	if err != nil {
		return
	}
	for _, path := range all {
		if info, err := os.Lstat(path); err == nil && info.IsDir() && time.Since(info.ModTime()) > sweepAge {
			sweepOne(path)
		}
	}
}

// sweepOne removes a folder of ours that has nothing in it but what servers leave.
func sweepOne(path string) {
	lock, err := os.OpenFile(path, unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return
	}
	defer lock.Close()
	var info unix.Stat_t
	if unix.Fstat(int(lock.Fd()), &info) != nil || int(info.Uid) != os.Geteuid() {
		return
	}
	names, err := lock.Readdirnames(-1)
	foreign := func(name string) bool { return name != socketFile && name != pidFile }
	if err != nil || slices.ContainsFunc(names, foreign) || unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return
	}
	for _, name := range names {
		unix.Unlinkat(int(lock.Fd()), name, 0) // of this folder, whatever the path means by now
	}
	os.Remove(path)
}
