package object

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// writebackStep is after how many bytes the kernel is told to begin writing them out, so that the fsync in Commit finds
// little left to do.
const writebackStep = 8 << 20

// PutIfAbsent implements Store.
func (l *Local) PutIfAbsent(ctx context.Context, name string) (Upload, error) {
	if err := begin(ctx, name); err != nil {
		return nil, err
	}
	dir, err := l.folder(path.Dir(name))
	if err != nil {
		return nil, failed("put", name, err)
	}
	tmp, err := l.newTemp(dir)
	if err != nil {
		dir.Close()
		return nil, failed("put", name, err)
	}
	return &localUpload{name: name, dir: dir, tmp: tmp}, nil
}

// localUpload is a file that has no name yet.
type localUpload struct {
	name    string
	dir     *os.File // where it will be named
	tmp     temp
	written int64
	started int64 // up to where writeback was begun
	ended   bool
	err     error // the first failed write: Commit will not name a file with a gap
}

func (u *localUpload) Write(p []byte) (int, error) {
	if u.ended {
		return 0, failed("write", u.name, ErrEnded)
	}
	if u.err != nil {
		return 0, u.err
	}
	n, err := u.tmp.file().Write(p)
	u.written += int64(n)
	if err != nil {
		u.err = failed("write", u.name, err)
		return n, u.err
	}
	u.writeback()
	return n, nil
}

// writeback begins to write out what has gathered. It is only a hint: what fails here fails again in Commit's fsync.
func (u *localUpload) writeback() {
	if n := u.written - u.started; n >= writebackStep {
		unix.SyncFileRange(int(u.tmp.file().Fd()), u.started, n, unix.SYNC_FILE_RANGE_WRITE)
		u.started = u.written
	}
}

func (u *localUpload) Commit() error {
	if u.ended {
		return failed("commit", u.name, ErrEnded)
	}
	defer u.end()
	if u.err != nil {
		return fmt.Errorf("commit %s: %w", u.name, u.err)
	}
	if err := u.commit(); err != nil {
		return failed("commit", u.name, err)
	}
	return nil
}

// commit is data, then name, then the directory that holds the name. A name whose directory could not be synced stays:
// others may have seen it and act on it.
func (u *localUpload) commit() error {
	if err := u.tmp.file().Sync(); err != nil {
		return err
	}
	err := u.tmp.link(int(u.dir.Fd()), path.Base(u.name))
	if errors.Is(err, unix.EEXIST) {
		return ErrExists
	}
	if err != nil {
		return err
	}
	if err := syncDir(u.dir); err != nil {
		return fmt.Errorf("%w: %w", ErrUnsynced, bare(err))
	}
	return nil
}

func (u *localUpload) Abort() error {
	if u.ended {
		return nil
	}
	if err := u.end(); err != nil {
		return failed("abort", u.name, err)
	}
	return nil
}

func (u *localUpload) end() error {
	u.ended = true
	return errors.Join(u.tmp.close(), u.dir.Close())
}
