package table

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	fileMode   = 0o600 // as os.CreateTemp has it
	folderMode = 0o700
	tempPrefix = ".tmp-"
	// staleAge spares those who sweep a look at each file that is being written.
	staleAge = time.Hour
)

// newTemp makes an empty file for a segment on its way, and the directory if there is none. While it is open no other
// process sweeps it, whatever its age and both clocks say.
func newTemp(dir string) (f *os.File, err error) {
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, err
	}
	sweep(dir)
	for {
		if f, err = os.CreateTemp(dir, tempPrefix+"*"); err != nil {
			return nil, err
		}
		claim(f)
		if info, err := f.Stat(); err != nil || info.Sys().(*syscall.Stat_t).Nlink > 0 {
			return f, err
		}
		f.Close() // swept before it was claimed
	}
}

// claim takes a file for this opening of it, and tells whether no other one has it. That is not the lock that bbolt takes,
// which ends before the file has its name. Where there are no such locks all have it.
func claim(f *os.File) bool {
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	return !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES)
}

// sweep removes what killed writers left: old files that nobody locks. What cannot be removed is in nobody's way.
func sweep(dir string) {
	names, _ := os.ReadDir(dir)
	for _, e := range names {
		if !strings.HasPrefix(e.Name(), tempPrefix) || !e.Type().IsRegular() {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > staleAge {
			removeUnlocked(filepath.Join(dir, e.Name()))
		}
	}
}

func removeUnlocked(path string) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if claim(f) && unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		os.Remove(path)
	}
}
