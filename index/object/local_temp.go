package object

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// tempDir holds files on their way where O_TMPFILE does not do. No object's name begins with a dot.
const tempDir = ".tmp"

// linkTest is a name that is given and taken away again: always the same, so that what a killed process left of it goes.
const linkTest = ".link-test"

// temp is a file on its way. link gives it a name that must not be taken (EEXIST); close drops it unless it was linked.
type temp interface {
	file() *os.File
	link(dirfd int, base string) error
	close() error
}

// newTemp makes a file in the file system of dir.
func (l *Local) newTemp(dir *os.File) (temp, error) {
	l.tried.Do(l.tryUnnamed)
	if l.named {
		return l.newNamed()
	}
	return newUnnamed(dir)
}

// tryUnnamed finds out whether files can be made without a name and be given one later. Some file systems know only
// the first half: FUSE ones open an O_TMPFILE and then refuse to link it.
func (l *Local) tryUnnamed() {
	root, err := l.root.Open(".")
	if err != nil {
		return // the put that asked will say why
	}
	defer root.Close()
	if sealed, err := isSealed(root, ""); sealed && err == nil {
		return // what is linked there stays; no file system has that attribute and not O_TMPFILE
	}
	t, err := newUnnamed(root)
	if err == nil {
		err = t.link(int(root.Fd()), linkTest)
		if errors.Is(err, unix.EEXIST) { // of another process, which could
			err = nil
		}
		err = errors.Join(err, t.close())
		unix.Unlinkat(int(root.Fd()), linkTest, 0)
	}
	l.named = l.named || err != nil
}

func randomName() string {
	var id [16]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

func newUnnamed(dir *os.File) (temp, error) {
	fd, err := unix.Openat(int(dir.Fd()), ".", unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, fileMode)
	if err != nil {
		return nil, err
	}
	return unnamed{os.NewFile(uintptr(fd), dir.Name())}, nil
}

// unnamed is a file of O_TMPFILE: if the process dies there is nothing to clean.
type unnamed struct{ f *os.File }

func (t unnamed) file() *os.File { return t.f }
func (t unnamed) close() error   { return t.f.Close() }

// link tries the way that needs no /proc first; it wants a capability or a newer kernel, and is ENOENT otherwise.
func (t unnamed) link(dirfd int, base string) error {
	fd := int(t.f.Fd())
	err := unix.Linkat(fd, "", dirfd, base, unix.AT_EMPTY_PATH)
	if errors.Is(err, unix.ENOENT) {
		err = unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), dirfd, base, unix.AT_SYMLINK_FOLLOW)
	}
	return err
}

// named is a file with a temporary name. Its owner holds a lock on it, so that who sweeps can tell it from a dead one's.
type named struct {
	f      *os.File
	dir    *os.File
	base   string
	linked bool // never RENAME_NOREPLACE
	moved  bool
}

func (t *named) file() *os.File { return t.f }

// link renames where the file system knows how to without replacing; EINVAL is its way to say that it does not.
func (t *named) link(dirfd int, base string) error {
	err := error(unix.EINVAL)
	if !t.linked {
		err = unix.Renameat2(int(t.dir.Fd()), t.base, dirfd, base, unix.RENAME_NOREPLACE)
	}
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return unix.Linkat(int(t.dir.Fd()), t.base, dirfd, base, 0)
	}
	t.moved = err == nil
	return err
}

func (t *named) close() error {
	var err error
	if !t.moved {
		err = unix.Unlinkat(int(t.dir.Fd()), t.base, 0)
	}
	return errors.Join(err, t.f.Close(), t.dir.Close())
}

func (l *Local) newNamed() (temp, error) {
	dir, err := l.folder(tempDir)
	if err != nil {
		return nil, err
	}
	l.sweep.Do(func() { sweepTemp(dir) })
	for {
		t, err := lockNew(dir)
		if err != nil {
			dir.Close()
			return nil, err
		}
		if t != nil {
			t.linked = l.linked
			return t, nil
		}
	}
}

// lockNew makes a locked temporary file; nil when a sweeper took it for a dead one's before it was locked.
func lockNew(dir *os.File) (*named, error) {
	base := randomName()
	fd, err := unix.Openat(int(dir.Fd()), base, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC, fileMode)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), base)
	if lockTemp(f) {
		return &named{f: f, dir: dir, base: base}, nil
	}
	return nil, f.Close()
}

// lockTemp tells whether f is now locked and still has its name.
func lockTemp(f *os.File) bool {
	var st unix.Stat_t
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil && unix.Fstat(int(f.Fd()), &st) == nil && st.Nlink > 0
}

// sweepTemp removes what killed processes left. What cannot be swept now is left for later: it is in nobody's way.
func sweepTemp(dir *os.File) {
	names, _ := dir.Readdirnames(-1)
	for _, base := range names {
		fd, err := unix.Openat(int(dir.Fd()), base, unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		if err != nil {
			continue
		}
		f := os.NewFile(uintptr(fd), base)
		if lockTemp(f) {
			unix.Unlinkat(int(dir.Fd()), base, 0)
		}
		f.Close()
	}
}
