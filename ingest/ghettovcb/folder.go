package ghettovcb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"
)

// maxEntries bounds the files of a folder: 62 TiB in pieces of 2 GiB, which is all that VMware has, are 31,744.
const maxEntries = 100_000

// A folder is what one run of ghettoVCB wrote: files on disk, or those that were unpacked from an archive.
type folder struct {
	root    *os.Root
	rel     string // of the folder, below root
	entries map[string]entry
}

// An entry is a file of a folder, by its path below it.
type entry struct {
	info     fs.FileInfo // of what lies on disk
	mode     fs.FileMode
	size     int64
	changed  time.Time
	unpacked *os.File // nil for what lies on disk
}

// list looks at all files of a folder.
func list(root *os.Root, rel string) (*folder, error) {
	f := &folder{root: root, rel: rel, entries: map[string]entry{}}
	return f, fs.WalkDir(root.FS(), rel, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if len(f.entries) == maxEntries {
			return fmt.Errorf("%s: more than %d files", rel, maxEntries)
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) { // deleted meanwhile
			return nil
		}
		if err == nil {
			f.entries[strings.TrimPrefix(p, rel+"/")] = entry{info: info, mode: info.Mode(), size: info.Size(), changed: info.ModTime()}
		}
		return err
	})
}

// open opens a file: a plain one, and the one that was listed.
func (f *folder) open(name string) (*os.File, error) {
	e, ok := f.entries[name]
	switch {
	case !ok:
		return nil, fmt.Errorf("%s: %w", name, ErrMissing)
	case e.mode&fs.ModeSymlink != 0:
		return nil, fmt.Errorf("%s: %w: it is a symbolic link", name, ErrRefused)
	case !e.mode.IsRegular():
		return nil, fmt.Errorf("%s: %w: it is no file", name, ErrRefused)
	case e.unpacked != nil:
		return os.Open(procPath(e.unpacked))
	}
	file, err := f.root.OpenFile(path.Join(f.rel, name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && (!os.SameFile(info, e.info) || info.Size() != e.size) {
		err = fmt.Errorf("%s is not the file that it was: somebody writes to the folder", name)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// procPath names an open file, for as long as it is open, also to other processes of the same user: proc(5).
func procPath(f *os.File) string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.Fd()) }

// small reads a file of the folder. One of more than limit bytes is an error.
func (f *folder) small(name string, limit int64) ([]byte, error) {
	file, err := f.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := readSmall(file, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return b, nil
}

func readSmall(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%w: it has more than %d bytes", ErrRefused, limit)
	}
	return b, err
}

// written is when the oldest configuration file was copied, which is the first that a run does; else when the oldest file
// was. Zero is that there is none.
func (f *folder) written() time.Time {
	var config, any time.Time
	for name, e := range f.entries {
		if any.IsZero() || e.changed.Before(any) {
			any = e.changed
		}
		if hasSuffix(name, ".vmx") && (config.IsZero() || e.changed.Before(config)) {
			config = e.changed
		}
	}
	if config.IsZero() {
		return any
	}
	return config
}

// close gives back what was unpacked.
func (f *folder) close() (err error) {
	for _, e := range f.entries {
		if e.unpacked != nil {
			err = errors.Join(err, e.unpacked.Close())
		}
	}
	return err
}
