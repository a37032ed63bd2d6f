package device

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// sector is a multiple of every device's logical block size but for rare large ones, whose fallocate refuses and whose
// zeros are then written.
const sector = 4096

// Both modes leave zeros (blkdev_fallocate in the kernel's block/fops.c): the first gives space back and exists only
// where the device itself can do so, the second may write zeros from within the kernel.
var modes = []uint32{
	unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE,
	unix.FALLOC_FL_ZERO_RANGE | unix.FALLOC_FL_KEEP_SIZE,
}

// Zero makes a range read as zeros.
func (t *Target) Zero(off, n int64) error {
	whole := n &^ (sector - 1) // off is aligned; the disk's end need not be
	if whole > 0 {
		if err := t.punch(off, whole); err != nil {
			return err
		}
	}
	return t.write(off+whole, n-whole)
}

func (t *Target) punch(off, n int64) error {
	for _, mode := range modes {
		err := unix.Fallocate(int(t.file.Fd()), mode, off, n)
		for errors.Is(err, unix.EINTR) {
			err = unix.Fallocate(int(t.file.Fd()), mode, off, n)
		}
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EINVAL):
			return os.NewSyscallError("fallocate", err)
		}
	}
	return t.write(off, n)
}

var zeros = make([]byte, 1<<20)

func (t *Target) write(off, n int64) error {
	for n > 0 {
		written, err := t.file.WriteAt(zeros[:min(n, int64(len(zeros)))], off)
		if err != nil {
			return err
		}
		off, n = off+int64(written), n-int64(written)
	}
	return nil
}
