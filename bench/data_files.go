package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// errEnough ends a walk.
var errEnough = errors.New("enough")

// gather links or copies real files of this machine into dir, in order of their paths, until they are so many bytes: Go's
// tree, then what the distribution has installed.
func gather(ctx context.Context, dir string, bytes int64) error {
	out, err := output(command(ctx, "go", "env", "GOROOT"))
	if err != nil {
		return err
	}
	tree := strings.TrimSpace(string(out))
	left := bytes
	for i, root := range []string{tree, "/usr"} {
		into := filepath.Join(dir, strconv.Itoa(i))
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrPermission) || i > 0 && path == tree {
				return fs.SkipDir
			}
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			n, err := take(path, filepath.Join(into, path[len(root):]), left)
			left -= n
			if err == nil && left <= bytes/1000 {
				err = errEnough
			}
			return err
		})
		if errors.Is(err, errEnough) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("this machine has %d bytes of files too few", left)
}

// take brings one file over, unless it is longer than max, cannot be read or is gone.
func take(from, to string, max int64) (int64, error) {
	info, err := os.Lstat(from)
	if err != nil || info.Size() > max {
		return 0, nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return 0, err
	}
	if os.Link(from, to) == nil {
		return info.Size(), nil
	}
	src, err := os.Open(from)
	if err != nil {
		return 0, nil
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(dst, src)
	return n, errors.Join(err, dst.Close())
}
