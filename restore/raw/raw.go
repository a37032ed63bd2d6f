package raw

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"vbfs/restore"
	"vbfs/restore/stage"
)

// A Target is a raw image file.
type Target struct {
	file  *os.File
	size  int64
	stage *stage.Stage
}

var (
	_ restore.Target   = (*Target)(nil)
	_ restore.Rereader = (*Target)(nil)
)

// Open begins a file.
func Open(path string, spec restore.Spec) (*Target, error) {
	st, err := stage.New(path, spec)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(st.Path(), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		st.Close()
		return nil, err
	}
	t := &Target{f, spec.Size, st}
	if err := f.Truncate(spec.Size); err != nil {
		t.Close()
		return nil, fmt.Errorf("%s: a file of %d bytes: %w", path, spec.Size, err)
	}
	return t, nil
}

// Allocate takes the room for all of the file, where the file system can: it reads as zeros still. Elsewhere it stays sparse.
func (t *Target) Allocate() error {
	err := unix.Fallocate(int(t.file.Fd()), 0, 0, t.size)
	if errors.Is(err, unix.EOPNOTSUPP) || t.size == 0 {
		return nil
	}
	return os.NewSyscallError("fallocate", err)
}

// WriteAt implements io.WriterAt.
func (t *Target) WriteAt(p []byte, off int64) (int, error) { return t.file.WriteAt(p, off) }

// Zero leaves the hole that a new file has everywhere.
func (t *Target) Zero(off, n int64) error { return nil }

// Reread gives the file as it is on the disk.
func (t *Target) Reread(context.Context) (io.ReaderAt, error) {
	if err := t.file.Sync(); err != nil {
		return nil, err
	}
	// Advice: a file system that does not take it has its reasons, and what is read is right in any case.
	_ = unix.Fadvise(int(t.file.Fd()), 0, 0, unix.FADV_DONTNEED)
	return stored{t.file, t.size}, nil
}

// Finish makes the file durable, without its name.
func (t *Target) Finish() error { return t.file.Sync() }

// Sync makes the file durable and gives it its name.
func (t *Target) Sync() error {
	if err := t.file.Sync(); err != nil {
		return err
	}
	return t.stage.Commit()
}

// Close ends it. A file without its name is gone.
func (t *Target) Close() error {
	err := t.file.Close()
	if e := t.stage.Close(); err == nil {
		err = e
	}
	return err
}

// stored is the file to be read back; it is a restore.Image.
type stored struct {
	*os.File
	size int64
}

func (s stored) Size() int64 { return s.size }

// Extent tells what the file system stores.
func (s stored) Extent(off int64) (n int64, data bool, err error) {
	next, err := unix.Seek(int(s.Fd()), off, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) { // lseek(2): no data behind off
		return s.size - off, false, nil
	}
	if err != nil {
		return 0, false, os.NewSyscallError("lseek", err)
	}
	if next > off {
		return next - off, false, nil
	}
	end, err := unix.Seek(int(s.Fd()), off, unix.SEEK_HOLE)
	return end - off, true, os.NewSyscallError("lseek", err)
}
