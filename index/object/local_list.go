package object

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// List implements Store. A directory is read whole before its first object is yielded.
func (l *Local) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		if err := CheckPrefix(prefix); err != nil {
			yield(Info{}, err)
			return
		}
		l.walk(ctx, prefix, yield)
	}
}

// walk yields the objects of one directory and those below it; false ends the listing.
func (l *Local) walk(ctx context.Context, dir string, yield func(Info, error) bool) bool {
	entries, err := l.readDir(ctx, dir)
	if err != nil {
		yield(Info{}, failed("list", path.Clean(dir), err))
		return false
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if e.IsDir() {
			if !l.walk(ctx, name, yield) {
				return false
			}
			continue
		}
		info, err := statEntry(name, e)
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted since the directory was read
		}
		if !yield(info, err) || err != nil {
			return false
		}
	}
	return true
}

// readDir returns what can be an object or a folder in dir, in the order of the names that it leads to. No such
// directory is an empty one.
func (l *Local) readDir(ctx context.Context, dir string) ([]fs.DirEntry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := l.root.Open(path.Clean(dir))
	if err != nil {
		return nil, ignoreMissing(err)
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, ignoreMissing(err)
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !validPart(e.Name()) })
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(sortKey(a), sortKey(b)) })
	return entries, nil
}

// ignoreMissing takes the absence of a directory for emptiness, and nothing else.
func ignoreMissing(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	return err
}

// sortKey puts "a-b" before what is in the directory "a", as the order of whole names does.
func sortKey(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}

func statEntry(name string, e fs.DirEntry) (Info, error) {
	fi, err := e.Info()
	if err != nil {
		return Info{}, failed("list", name, err)
	}
	if !fi.Mode().IsRegular() {
		return Info{}, fmt.Errorf("list %s: neither a file nor a directory, but %s", name, fi.Mode().Type())
	}
	return infoOf(name, fi), nil
}
