package fs

import (
	"errors"
	"syscall"

	"vbfs/index"
)

// errnos are the errors that have a number of their own, the first that fits counts. Everything else, damage above all,
// is EIO.
var errnos = []struct {
	err   error
	errno syscall.Errno
}{
	{index.ErrCorrupt, syscall.EIO},
	{index.ErrUnknownBytes, syscall.EIO},
	{errAbsent, syscall.ENOENT},
	{index.ErrNoPoint, syscall.ESTALE}, // forgotten since it was listed: the kernel walks the path again
	{errNoData, syscall.ENXIO},
}

func errnoOf(err error) syscall.Errno {
	for _, e := range errnos {
		if errors.Is(err, e.err) {
			return e.errno
		}
	}
	return syscall.EIO
}
