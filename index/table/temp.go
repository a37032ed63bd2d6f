package table

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	fileMode   = 0o600 // as os.CreateTemp has it
	folderMode = 0o700
	tempPrefix = ".tmp-"
	// staleAge is far above the moments in which a writer's temporary file is not locked.
	staleAge = time.Hour
)

// newTemp makes an empty file for a segment on its way, and the directory if there is none.
func newTemp(dir string) (path string, err error) {
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return "", err
	}
	sweep(dir)
	f, err := os.CreateTemp(dir, tempPrefix+"*")
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
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
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		os.Remove(path)
	}
}
