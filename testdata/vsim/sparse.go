package vsim

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// eachData tells the parts of a file that are no holes, below size.
func eachData(f *os.File, size int64, do func(from, to int64)) error {
	for at := int64(0); at < size; {
		from, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil
		}
		if err != nil {
			return err
		}
		to, err := unix.Seek(int(f.Fd()), from, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		do(from, min(to, size))
		at = to
	}
	return nil
}
