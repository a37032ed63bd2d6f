package object

import (
	"errors"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// folder opens a directory, and makes it and those above it when they are missing.
func (l *Local) folder(dir string) (*os.File, error) {
	if err := l.ensure(dir); err != nil {
		return nil, err
	}
	return l.root.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
}

// ensure makes a directory whose own name is durable. One that is there already may have been made a moment ago by a
// process that has not synced its parent yet, so the parent is synced once by every process all the same.
func (l *Local) ensure(dir string) error {
	if dir == "." {
		return nil
	}
	if _, ok := l.durable.Load(dir); ok {
		return nil
	}
	if err := l.ensure(path.Dir(dir)); err != nil {
		return err
	}
	if err := l.root.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	parent, err := l.root.Open(path.Dir(dir))
	if err != nil {
		return err
	}
	defer parent.Close()
	if err := syncDir(parent); err != nil {
		return err
	}
	l.durable.Store(dir, struct{}{})
	return nil
}

// syncDir makes the names in a directory durable. EINVAL is how a file system says that it has no such operation (some
// network ones, which change names synchronously).
func syncDir(dir *os.File) error {
	if err := dir.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}
