package process

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// A Folder is a server's own directory, for its socket and its pid file. It is locked as long as this process needs it: that ends with
// the process, however that ends.
type Folder struct {
	Path string
	lock *os.File
}

// Files of a Folder: there are no others.
const (
	Socket     = "s"
	PID        = "p"
	CA         = "ca-cert.pem" // these three as libnbd looks for them: libnbd, docs/libnbd.pod, TLS
	ClientCert = "client-cert.pem"
	ClientKey  = "client-key.pem"
)

const (
	folderPrefix  = "vq"
	maxSocketPath = 107 // unix(7): sun_path has 108 bytes, with the zero at its end
)

// SweepAge is how old a folder without a lock is when nobody is about to lock it any more.
const SweepAge = time.Minute

// NewFolder makes one, and removes those of processes that were killed.
func NewFolder() (f Folder, err error) {
	Sweep(os.TempDir())
	if f.Path, err = os.MkdirTemp("", folderPrefix); err != nil {
		return f, fmt.Errorf("directory for a socket: %w", err)
	}
	if f.lock, err = os.Open(f.Path); err == nil {
		err = unix.Flock(int(f.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err == nil && len(f.File(Socket)) > maxSocketPath {
		err = fmt.Errorf("longer than %d bytes, choose a shorter TMPDIR", maxSocketPath)
	}
	if err != nil {
		f.Remove()
		return f, fmt.Errorf("socket %s: %w", f.File(Socket), err)
	}
	return f, nil
}

// File is a path in it.
func (f Folder) File(name string) string { return filepath.Join(f.Path, name) }

// Remove removes it with all that is in it.
func (f Folder) Remove() {
	os.RemoveAll(f.Path)
	f.lock.Close() // nil is an error, which does not matter
}

// Sweep removes folders in a directory that nobody holds. What cannot be removed stays: the next run tries again.
func Sweep(dir string) {
	all, err := filepath.Glob(filepath.Join(dir, folderPrefix+"*"))
	if err != nil {
		return
	}
	for _, path := range all {
		if info, err := os.Lstat(path); err == nil && info.IsDir() && time.Since(info.ModTime()) > SweepAge {
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
	foreign := func(name string) bool {
		return !slices.Contains([]string{Socket, PID, CA, ClientCert, ClientKey}, name)
	}
	if err != nil || slices.ContainsFunc(names, foreign) || unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return
	}
	for _, name := range names {
		unix.Unlinkat(int(lock.Fd()), name, 0) // of this folder, whatever the path means by now
	}
	os.Remove(path)
}
