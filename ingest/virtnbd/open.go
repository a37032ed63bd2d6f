package virtnbd

import (
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"
)

// open opens a file of the set that has to be there, a plain one, and the one that was seen before: a path does not lead
// out of the set, and a pipe is not waited for.
func open(dir *os.Root, name string, seen fs.FileInfo) (*os.File, error) {
	f, err := dir.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s is no file", name)
	case seen != nil && (!os.SameFile(info, seen) || info.Size() != seen.Size()):
		err = fmt.Errorf("%s is not the file that it was: somebody writes to the set", name)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// A room is what tables may take of memory together.
type room struct {
	mu    sync.Mutex
	taken int
}

func (r *room) take(n int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.taken+n > maxTables {
		return ErrTooLarge
	}
	r.taken += n
	return nil
}
