package stage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"vbfs/restore"
)

// A Stage is the place of a file that is being made.
type Stage struct {
	dir   string
	final string
	old   fs.FileInfo // what Commit replaces; nil: it must not replace anything
}

// New makes a stage for a file, in the directory where it shall be. It refuses a file that exists unless the Spec
// allows to overwrite, and a file system without room for the Spec's data.
func New(path string, spec restore.Spec) (*Stage, error) {
	final, old, err := destination(path, spec.Overwrite)
	if err != nil {
		return nil, err
	}
	parent := filepath.Dir(final)
	if err := CheckSpace(parent, spec.Data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	dir, err := os.MkdirTemp(parent, ".restoring-*")
	if err != nil {
		return nil, err
	}
	return &Stage{dir, final, old}, nil
}

// destination is where a file goes, and what is there. A link stays one: the file behind it is replaced.
func destination(path string, overwrite bool) (final string, old fs.FileInfo, err error) {
	final, err = filepath.Abs(path)
	if err != nil {
		return "", nil, err
	}
	if _, err := os.Lstat(final); errors.Is(err, fs.ErrNotExist) {
		return final, nil, nil
	}
	if final, err = filepath.EvalSymlinks(final); err != nil {
		return "", nil, err
	}
	if old, err = os.Stat(final); err != nil {
		return "", nil, err
	}
	switch {
	case !old.Mode().IsRegular():
		return "", nil, fmt.Errorf("%s: %w: neither a file nor a block device", path, restore.ErrUnsupported)
	case !overwrite:
		return "", nil, fmt.Errorf("%s %w", path, restore.ErrExists)
	}
	return final, old, nil
}

// CheckSpace compares the file system's free bytes with those needed, or says ErrNoSpace.
func CheckSpace(dir string, need int64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	free := uint64(st.Bavail) * uint64(st.Frsize)
	if uint64(need) > free {
		return fmt.Errorf("%w: %d bytes of data, and %s has %d bytes free", restore.ErrNoSpace, need, dir, free)
	}
	return nil
}

// Path is where to make the file.
func (s *Stage) Path() string { return filepath.Join(s.dir, filepath.Base(s.final)) }

// Commit gives the file, whose bytes the caller has made durable, its name.
func (s *Stage) Commit() error {
	var err error
	if s.old != nil {
		err = s.replace()
	} else {
		err = renameNew(s.Path(), s.final)
	}
	if err != nil {
		return err
	}
	return SyncDir(filepath.Dir(s.final))
}

// replace takes the place of the old file, and its owner and mode, as if the old one had been written to.
func (s *Stage) replace() error {
	if st, ok := s.old.Sys().(*syscall.Stat_t); ok {
		err := os.Chown(s.Path(), int(st.Uid), int(st.Gid))
		if err != nil && !errors.Is(err, fs.ErrPermission) { // a file of another user's becomes one of this user's
			return err
		}
	}
	if err := os.Chmod(s.Path(), s.old.Mode().Perm()); err != nil {
		return err
	}
	return os.Rename(s.Path(), s.final)
}

// renameNew renames without replacing what came to be there meanwhile.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a file system without the flag, such as NFS
		err = os.Link(from, to) // the old name goes with the directory
	}
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s %w", to, restore.ErrExists)
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Close removes the directory and what was not committed.
func (s *Stage) Close() error { return os.RemoveAll(s.dir) }
