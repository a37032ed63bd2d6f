package ghettovcb

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// reserve is what is left free of a scratch directory's file system, in bytes, for whoever else writes there, and roomEvery
// how much is written between two looks at it.
const (
	reserve   = 64 << 20
	roomEvery = 64 << 20
)

// room holds that there is space for so many bytes.
func (u *unpacking) room(n int64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(u.scratch, &st); err != nil {
		return fmt.Errorf("scratch directory %s: %w", u.scratch, err)
	}
	if free := int64(st.Bavail) * st.Bsize; n > free-reserve {
		return fmt.Errorf("%w in %s to unpack it: %d bytes are free", ErrSpace, u.scratch, free)
	}
	return nil
}

// keep writes a member to a file that has no name any more: when this process ends, in whatever way, so does the file.
func (u *unpacking) keep(name string, h *tar.Header, r io.Reader) error {
	f, err := os.CreateTemp(u.scratch, ".vbackup-*")
	if err != nil {
		return err
	}
	if err := os.Remove(f.Name()); err != nil {
		return errors.Join(err, f.Close())
	}
	u.out.entries[name] = entry{mode: 0o400, size: h.Size, changed: h.ModTime, unpacked: f}
	return u.write(f, r, h.Size)
}

// write writes what is not zero: a thin disk stays thin.
func (u *unpacking) write(f *os.File, r io.Reader, size int64) error {
	buf := make([]byte, 256<<10)
	since := int64(0)
	for off := int64(0); off < size; {
		p := buf[:min(int64(len(buf)), size-off)]
		if _, err := io.ReadFull(r, p); err != nil {
			return err
		}
		if !zero(p) {
			if since += int64(len(p)); since >= roomEvery {
				if err := u.room(roomEvery); err != nil {
					return err
				}
				since = 0
			}
			if _, err := f.WriteAt(p, off); err != nil {
				return spaceless(err)
			}
		}
		off += int64(len(p))
	}
	return f.Truncate(size)
}

func zero(p []byte) bool { return len(bytes.TrimLeft(p, "\x00")) == 0 }

// spaceless marks an error that says that there is no space.
func spaceless(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrSpace, err)
	}
	return err
}
