package file

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// A watched file is one as it was at Open.
type watched struct {
	path   string
	info   fs.FileInfo
	length int64 // of a block device too, for which info has none
}

func watch(path string) (watched, error) {
	info, err := os.Stat(path)
	if err != nil {
		return watched{}, err
	}
	length, err := lengthOf(path, info)
	return watched{path, info, length}, err
}

func lengthOf(path string, info fs.FileInfo) (int64, error) {
	switch {
	case info.Mode().IsRegular():
		return info.Size(), nil
	case !isBlockDevice(info):
		return 0, fmt.Errorf("%s: %w", path, ErrNotDisk)
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.Seek(0, io.SeekEnd)
}

func isBlockDevice(info fs.FileInfo) bool {
	return info.Mode()&fs.ModeDevice != 0 && info.Mode()&fs.ModeCharDevice == 0
}

// changed says in what way the file is another than it was, or nothing.
func (w watched) changed() string {
	now, err := watch(w.path)
	switch {
	case err != nil:
		return err.Error()
	case !os.SameFile(w.info, now.info):
		return "replaced by another file"
	case now.length != w.length:
		return fmt.Sprintf("size was %d bytes and is %d", w.length, now.length)
	case !isBlockDevice(w.info) && !now.info.ModTime().Equal(w.info.ModTime()):
		return fmt.Sprintf("written to at %s", now.info.ModTime().UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	return ""
}
