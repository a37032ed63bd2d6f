package part

import (
	"errors"
	"fmt"
	"io"
)

// disk is what a table is read from. Reads outside it are errors before they are reads.
type disk struct {
	r      io.ReaderAt
	size   int64
	sector int64 // bytes
}

func (d disk) sectors() uint64 { return uint64(d.size / d.sector) }

// read returns n bytes at off; callers bound n.
func (d disk) read(off, n int64) ([]byte, error) {
	if off < 0 || off > d.size-n {
		return nil, fmt.Errorf("%w: %d bytes at %d are outside the disk of %d bytes", ErrInvalid, n, off, d.size)
	}
	b := make([]byte, n)
	if got, err := d.r.ReadAt(b, off); got < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("%d bytes at %d: %w", n, off, err)
	}
	return b, nil
}

// readSectors returns n bytes from the beginning of a sector on.
func (d disk) readSectors(lba uint64, n int64) ([]byte, error) {
	if lba >= d.sectors() {
		return nil, fmt.Errorf("%w: sector %d is outside the disk of %d sectors", ErrInvalid, lba, d.sectors())
	}
	return d.read(int64(lba)*d.sector, n)
}

// place checks that count sectors from first on are on the disk, and returns them in bytes.
func (d disk) place(number int, first, count uint64) (start, length int64, err error) {
	if n := d.sectors(); count == 0 || first >= n || count > n-first {
		return 0, 0, fmt.Errorf("%w: partition %d (%d sectors from %d) is outside the disk of %d sectors", ErrInvalid, number, count, first, n)
	}
	return int64(first) * d.sector, int64(count) * d.sector, nil
}
