package main

import (
	"context"
	"os"
)

func captureRows() []row {
	full := func(compression, work, peer, goal string, bound float64, theirs func(*lab) measure) row {
		return row{
			work: work, peer: peer, goal: goal, unit: "s", bound: bound,
			start: func(_ context.Context, l *lab) (contest, error) {
				return contest{ours: l.ourFull(compression), peer: theirs(l)}, nil
			},
		}
	}
	restic := func(l *lab) measure { return l.resticFull }
	borg := func(l *lab) measure { return l.borgFull }
	qcow2 := func(l *lab) measure { return l.qcow2Full }
	const zstd, s2 = "full capture from a file", "full capture, `--compression s2`"
	return []row{
		full("zstd", zstd, "restic", "<= 0.6", 0.6, restic),
		full("zstd", zstd, "borg, lz4, fixed 64 KiB chunks", "<= 1.0", 1, borg),
		full("zstd", zstd, "`qemu-img convert -c`, zstd, -m 16", "<= 1.0", 1, qcow2),
		full("s2", s2, "borg, lz4, fixed 64 KiB chunks", "<= 0.75", 0.75, borg),
	}
}

// ourFull captures into a repository of its own each time.
func (l *lab) ourFull(compression string) measure {
	return func(ctx context.Context) (float64, error) {
		repo, err := l.initRepo(ctx, compression)
		defer os.RemoveAll(repo)
		if err != nil {
			return 0, err
		}
		return l.backup(ctx, repo, l.disk.path)
	}
}

// unchangedRow captures once more what the repository has already, without change tracking.
func unchangedRow() row {
	return row{
		work: "unchanged disk by file, full read", peer: "restic's unchanged re-read", goal: "<= 0.35", unit: "s", bound: 0.35,
		start: func(ctx context.Context, l *lab) (contest, error) {
			repo, err := l.repository(ctx, "zstd")
			if err != nil {
				return contest{}, err
			}
			theirs, err := l.resticRepo(ctx, true)
			return contest{
				ours: func(ctx context.Context) (float64, error) { return l.backup(ctx, repo, l.disk.path) },
				peer: func(ctx context.Context) (float64, error) {
					return timed(l.restic(ctx, theirs, "backup", "--force", l.disk.path))
				},
				close: func() error { return os.RemoveAll(theirs) },
			}, err
		},
	}
}

// storedRow compares sizes: of all files of the repository, and of the qcow2 file.
func storedRow() row {
	return row{
		work: "stored bytes of the full", peer: "zstd qcow2", goal: "<= 1.06", unit: "MiB", bound: 1.06, once: true,
		start: func(ctx context.Context, l *lab) (contest, error) {
			return contest{
				ours: func(ctx context.Context) (float64, error) {
					repo, err := l.initRepo(ctx, "zstd")
					defer os.RemoveAll(repo)
					if err == nil {
						_, err = l.backup(ctx, repo, l.disk.path)
					}
					if err != nil {
						return 0, err
					}
					n, err := treeSize(repo)
					return float64(n) / (1 << 20), err
				},
				peer: func(ctx context.Context) (float64, error) {
					path, err := l.qcow2(ctx, "zstd")
					if err != nil {
						return 0, err
					}
					info, err := os.Stat(path)
					if err != nil {
						return 0, err
					}
					return float64(info.Size()) / (1 << 20), nil
				},
			}, nil
		},
	}
}
