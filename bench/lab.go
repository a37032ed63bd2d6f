package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A lab is where it is measured. It belongs to one goroutine.
type lab struct {
	o       options
	disk    *disk
	scratch string // on the disk that the image is on
	sockets string // short: a socket's path has at most 107 bytes
	start   time.Time
	serial  int

	repositories map[string]string // of the image, by compression
	qcow2s       map[string]string // of the image, by kind
	capturePeak  int64             // memory of captures so far, in bytes
}

func newLab(ctx context.Context, o options) (*lab, error) {
	if o.cache == "" {
		dir, err := defaultCache()
		if err != nil {
			return nil, err
		}
		o.cache = dir
	}
	l := &lab{o: o, start: time.Now(), repositories: map[string]string{}, qcow2s: map[string]string{}}
	err := l.prepare(ctx)
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *lab) prepare(ctx context.Context) (err error) {
	if err = os.MkdirAll(l.o.cache, 0o755); err != nil {
		return err
	}
	if l.scratch, err = os.MkdirTemp(l.o.cache, "scratch-"); err != nil {
		return err
	}
	if l.sockets, err = os.MkdirTemp("", "vb"); err != nil {
		return err
	}
	if err = finish(command(ctx, "go", "build", "-o", l.scratch+"/", "vbfs/cmd/vbackup", "vbfs/cmd/vbfs")); err != nil {
		return err
	}
	l.disk, err = l.makeDisk(ctx)
	return err
}

func (l *lab) close() error {
	return errors.Join(removeAll(l.scratch), removeAll(l.sockets))
}

func removeAll(dir string) error {
	if dir == "" {
		return nil
	}
	return os.RemoveAll(dir)
}

// path gives a path in scratch that nothing has yet.
func (l *lab) path(name string) string {
	l.serial++
	return filepath.Join(l.scratch, name+strconv.Itoa(l.serial))
}

// socket gives a path for a new socket.
func (l *lab) socket() string {
	l.serial++
	return filepath.Join(l.sockets, strconv.Itoa(l.serial))
}

// folder makes an empty directory.
func (l *lab) folder(name string) (string, error) {
	dir := l.path(name)
	return dir, os.Mkdir(dir, 0o755)
}

func (l *lab) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.0fs  %s\n", time.Since(l.start).Seconds(), fmt.Sprintf(format, args...))
}

// unmounted waits until nothing is mounted on dir any more, and removes it.
func unmounted(dir string) error {
	var err error
	for range 100 {
		if err = os.Remove(dir); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return errors.Join(err, unix.Unmount(dir, unix.MNT_DETACH))
}

// treeSize sums the lengths of the files under dir.
func treeSize(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}
