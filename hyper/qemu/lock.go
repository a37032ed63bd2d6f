package qemu

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Bytes of an image file that QEMU locks: QEMU, block/file-posix.c. A process that has a permission holds a shared lock on
// heldBase + its number; one that shares it with nobody holds one on refusedBase + its number, which others look for first.
const (
	heldBase    = 100
	refusedBase = 200
)

// Numbers of permissions: QEMU, include/block/block-common.h, BLK_PERM.
var writing = []int64{
	1, // write
	3, // resize
}

// Lock keeps every QEMU of this host from opening an image for writing, until it is closed, in the way that QEMU itself does: a machine with this disk
// cannot start. ErrInUse says that one has it open so already, ErrNoLocks that QEMU cannot lock it either. Reading goes on. What is no QEMU does not care.
func Lock(path string) (io.Closer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("lock image: %w", err)
	}
	if err := lock(f); err != nil {
		locked{f}.Close()
		return nil, fmt.Errorf("lock image %s: %w", path, err)
	}
	return locked{f}, nil
}

// A locked file gives up its locks when it is closed: those of a file stay as long as anybody has it open, and a process that is being
// started has what its parent had until it is another program.
type locked struct{ *os.File }

func (l locked) Close() error {
	for _, n := range writing {
		_, _ = fcntl(l.File, unix.F_OFD_SETLK, unix.F_UNLCK, refusedBase+n) // if not, closing does it
	}
	return l.File.Close()
}

// lock refuses first and looks afterwards, as QEMU does: of two that come at once none misses the other.
func lock(f *os.File) error {
	for _, n := range writing {
		if _, err := fcntl(f, unix.F_OFD_SETLK, unix.F_RDLCK, refusedBase+n); err != nil {
			return fmt.Errorf("%w: %w", ErrNoLocks, err)
		}
	}
	for _, n := range writing {
		found, err := fcntl(f, unix.F_OFD_GETLK, unix.F_WRLCK, heldBase+n)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNoLocks, err)
		}
		if found != unix.F_UNLCK {
			return ErrInUse
		}
	}
	return nil
}

// fcntl locks one byte, or asks who has, and returns the kind of lock that is there.
func fcntl(f *os.File, cmd int, kind int16, at int64) (int16, error) {
	l := unix.Flock_t{Type: kind, Whence: io.SeekStart, Start: at, Len: 1}
	for {
		err := unix.FcntlFlock(f.Fd(), cmd, &l)
		if !errors.Is(err, unix.EINTR) {
			return l.Type, err
		}
	}
}
