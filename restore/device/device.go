package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"vbfs/restore"
)

// A Target is a block device.
type Target struct{ file *os.File }

var (
	_ restore.Target   = (*Target)(nil)
	_ restore.Rereader = (*Target)(nil)
)

// Open takes a device for itself. Spec.Overwrite must be set: a device always holds something.
func Open(path string, spec restore.Spec) (*Target, error) {
	if !spec.Overwrite {
		return nil, fmt.Errorf("%s %w", path, restore.ErrExists)
	}
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_EXCL, 0)
	switch {
	case errors.Is(err, unix.EBUSY):
		return nil, fmt.Errorf("%s: %w", path, restore.ErrInUse)
	case errors.Is(err, unix.EROFS):
		return nil, fmt.Errorf("%s: %w", path, restore.ErrReadOnly)
	case err != nil:
		return nil, err
	}
	if err := check(f, spec.Size); err != nil {
		f.Close()
		return nil, err
	}
	return &Target{f}, nil
}

func check(f *os.File, size int64) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Mode().Type() != os.ModeDevice {
		return fmt.Errorf("%s: %w: no block device", f.Name(), restore.ErrUnsupported)
	}
	readOnly, err := unix.IoctlGetInt(int(f.Fd()), unix.BLKROGET) // such a device may open, and fail each write
	if err != nil {
		return os.NewSyscallError("ioctl BLKROGET", err)
	}
	if readOnly != 0 {
		return fmt.Errorf("%s: %w", f.Name(), restore.ErrReadOnly)
	}
	has, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if has < size {
		return fmt.Errorf("%w: %s has %d bytes, the disk %d", restore.ErrTooSmall, f.Name(), has, size)
	}
	return nil
}

// WriteAt implements io.WriterAt.
func (t *Target) WriteAt(p []byte, off int64) (int, error) { return t.file.WriteAt(p, off) }

// Reread gives what the device holds, not what the kernel remembers of it.
func (t *Target) Reread(context.Context) (io.ReaderAt, error) {
	if err := t.file.Sync(); err != nil {
		return nil, err
	}
	_ = unix.Fadvise(int(t.file.Fd()), 0, 0, unix.FADV_DONTNEED) // advice: reading is right without, too
	return t.file, nil
}

// Sync makes all that was written durable.
func (t *Target) Sync() error { return t.file.Sync() }

// Close gives the device free.
func (t *Target) Close() error { return t.file.Close() }
