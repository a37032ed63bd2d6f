package object

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// undeletable are the attributes of chattr(1) that keep a file, or the names in a directory, from being deleted.
const undeletable = unix.STATX_ATTR_IMMUTABLE | unix.STATX_ATTR_APPEND

// MayDelete tells beforehand that an object, which may be there or not, could not be deleted: ErrAppendOnly. What the file
// system does not tell Delete will.
func (l *Local) MayDelete(ctx context.Context, name string) error {
	if err := begin(ctx, name); err != nil {
		return err
	}
	dir, err := l.root.Open(path.Dir(name))
	if err != nil {
		if err = ignoreMissing(err); err != nil {
			err = failed("look at", name, err)
		}
		return err
	}
	defer dir.Close()
	for _, base := range []string{"", path.Base(name)} {
		sealed, err := isSealed(dir, base)
		if err != nil {
			return failed("look at", name, err)
		}
		if sealed {
			return failed("delete", name, ErrAppendOnly)
		}
	}
	return nil
}

// isSealed tells whether a file in dir, or dir itself for "", has an attribute that keeps it, or its files, from deletion.
func isSealed(dir *os.File, base string) (bool, error) {
	var st unix.Statx_t
	err := unix.Statx(int(dir.Fd()), base, unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW, 0, &st)
	return st.Attributes&undeletable != 0, ignoreMissing(err)
}

// refusal names the way in which a file system says that nothing may be deleted there. A store whose directories nobody may
// write to says EACCES, and takes no objects either.
func refusal(err error) error {
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w: %w", ErrAppendOnly, err)
	}
	return err
}
