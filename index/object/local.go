package object

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	fileMode = 0o600
	dirMode  = 0o700
)

// Local is a Store in a directory. It holds the directory open, so that it never writes into what another mount has put
// in its place.
type Local struct {
	root    *os.Root
	files   *fileCache
	durable sync.Map // directory -> struct{}: those whose own names this process has made durable

	tried  sync.Once // whether O_TMPFILE does, by the first put; named tells
	named  bool      // never O_TMPFILE
	linked bool      // never RENAME_NOREPLACE: set by tests
	sweep  sync.Once // of the temporary directory
}

// OpenLocal opens the store in dir, which exists.
func OpenLocal(dir string) (*Local, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	l := &Local{root: root}
	l.files = newFileCache(l.openObject)
	return l, nil
}

// Close gives back the descriptors. Uploads and reads have to have ended.
func (l *Local) Close() error {
	l.files.close()
	return l.root.Close()
}

// Get implements Store.
func (l *Local) Get(ctx context.Context, name string, p []byte, off int64) error {
	if err := begin(ctx, name); err != nil {
		return err
	}
	f, err := l.files.acquire(name)
	if err != nil {
		return failed("get", name, absent(err))
	}
	defer l.files.release(f)
	if _, err := f.ReadAt(p, off); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return failed("get", name, err)
	}
	return nil
}

// Delete implements Store. It leaves the directory in place: to remove it would race with who is about to put into it.
func (l *Local) Delete(ctx context.Context, name string) error {
	if err := begin(ctx, name); err != nil {
		return err
	}
	dir, err := l.root.Open(path.Dir(name))
	if err != nil {
		return failed("delete", name, absent(err))
	}
	defer dir.Close()
	l.files.drop(name)
	if err := unix.Unlinkat(int(dir.Fd()), path.Base(name), 0); err != nil {
		return failed("delete", name, refusal(absent(err)))
	}
	if err := syncDir(dir); err != nil {
		return failed("delete", name, err)
	}
	return nil
}

// Stat implements Store.
func (l *Local) Stat(ctx context.Context, name string) (Info, error) {
	if err := begin(ctx, name); err != nil {
		return Info{}, err
	}
	fi, err := l.root.Lstat(name)
	if err == nil {
		err = checkRegular(fi)
	}
	if err != nil {
		return Info{}, failed("stat", name, absent(err))
	}
	return infoOf(name, fi), nil
}

// Free tells how many bytes the file system has left for this process's user.
func (l *Local) Free(ctx context.Context) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	dir, err := l.root.Open(".")
	if err != nil {
		return 0, failed("free space", ".", err)
	}
	defer dir.Close()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &st); err != nil {
		return 0, failed("free space", ".", err)
	}
	return int64(st.Bavail) * st.Frsize, nil
}

// openObject opens the file of an object for reading.
func (l *Local) openObject(name string) (*os.File, error) {
	f, err := l.root.Open(name)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil {
		err = checkRegular(fi)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func infoOf(name string, fi fs.FileInfo) Info {
	return Info{Name: name, Size: fi.Size(), Modified: fi.ModTime()}
}

// checkRegular takes a directory for a missing object: it is a folder, and a folder's name is no object's.
func checkRegular(fi fs.FileInfo) error {
	switch {
	case fi.Mode().IsRegular():
		return nil
	case fi.IsDir():
		return unix.ENOENT
	}
	return fmt.Errorf("neither a file nor a directory, but %s", fi.Mode().Type())
}

// begin is the door of every verb: nothing is looked at under a bad name or for a caller that has gone.
func begin(ctx context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	return ctx.Err()
}

// absent names the ways in which a file system says that there is no such file.
func absent(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EISDIR) {
		return ErrNotExist
	}
	return err
}

// failed says what was tried on which object. A PathError would say it twice.
func failed(verb, name string, err error) error {
	return fmt.Errorf("%s %s: %w", verb, name, bare(err))
}

// bare takes the path off an error.
func bare(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
