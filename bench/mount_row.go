package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
)

// dd reads so much of the image, where it holds data.
const mountedSpan = 1 << 30

func mountRows() []row {
	against := func(peer, goal string, bound float64, theirs func(ctx context.Context, l *lab) (contest, error)) row {
		return row{
			work: "FUSE sequential, dd bs=1M, cold kernel cache", peer: peer, goal: goal, unit: "MiB/s", bound: bound, least: true,
			start: func(ctx context.Context, l *lab) (contest, error) {
				repo, err := l.repository(ctx, "zstd")
				if err != nil {
					return contest{}, err
				}
				c, err := theirs(ctx, l)
				c.ours = func(ctx context.Context) (float64, error) {
					s, dir, err := l.mount(ctx, repo)
					return l.read(ctx, s, dir, mounted(dir), err)
				}
				return c, err
			},
		}
	}
	return []row{
		against("restic mount", ">= 5", 5, resticMount),
		against("nbdfuse over nbdkit file", ">= 1.2", 1.2, nbdfuse),
	}
}

// read reads a file of a mount that was made for it, and ends the mount. Nothing of a new mount is in the kernel's cache.
func (l *lab) read(ctx context.Context, s *server, dir, path string, err error) (rate float64, _ error) {
	if err != nil {
		return 0, err
	}
	span := min(mountedSpan, l.disk.dataBytes())
	took, err := timed(command(ctx, "dd", "if="+path, "of=/dev/null", "bs=1M",
		"skip="+strconv.FormatInt(l.disk.dense(span)>>20, 10), "count="+strconv.FormatInt(span>>20, 10)))
	return float64(span>>20) / took, errors.Join(err, s.stop(), unmounted(dir))
}

func resticMount(ctx context.Context, l *lab) (contest, error) {
	repo, err := l.resticRepo(ctx, true)
	return contest{
		peer: func(ctx context.Context) (float64, error) {
			dir, err := l.folder("mnt")
			if err != nil {
				return 0, err
			}
			path := filepath.Join(dir, "snapshots", "latest", l.disk.path)
			s, err := launch(ctx, l.restic(ctx, repo, "mount", "--no-lock", dir), exists(path))
			return l.read(ctx, s, dir, path, err)
		},
		close: func() error { return os.RemoveAll(repo) },
	}, err
}

func nbdfuse(_ context.Context, l *lab) (contest, error) {
	return contest{peer: func(ctx context.Context) (float64, error) {
		dir, err := l.folder("mnt")
		if err != nil {
			return 0, err
		}
		path := filepath.Join(dir, "disk")
		s, err := launch(ctx, command(ctx, "nbdfuse", path, "[", "nbdkit", "--exit-with-parent", "file", l.disk.path, "]"), exists(path))
		return l.read(ctx, s, dir, path, err)
	}}, nil
}
