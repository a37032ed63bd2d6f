package main

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"vbfs/index/format"
)

// An overhead is what a repository holds beside blocks, in bytes.
type overhead struct {
	blocks                        int64
	table, trailers, maps, points float64
}

func overheadRows() []row {
	of := func(what, goal string, bound float64, sum func(overhead) float64) row {
		return row{
			work: what + " per block stored, after the full capture", goal: goal, unit: "B", bound: bound, once: true,
			start: func(ctx context.Context, l *lab) (contest, error) {
				repo, err := l.initRepo(ctx, "zstd")
				if err == nil {
					_, err = l.backup(ctx, repo, l.disk.path)
				}
				return contest{
					ours: func(context.Context) (float64, error) {
						o, err := weigh(repo)
						return sum(o) / float64(o.blocks), err
					},
					close: func() error { return os.RemoveAll(repo) },
				}, err
			},
		}
	}
	return []row{
		of("table, maps, trailers and manifests", "<= 96 B", 96, func(o overhead) float64 { return o.table + o.trailers + o.maps + o.points }),
		of("table", "<= 48 B", 48, func(o overhead) float64 { return o.table }),
	}
}

// weigh adds up a repository.
func weigh(repo string) (o overhead, err error) {
	table, err := treeSize(tableOf(repo))
	if err != nil {
		return o, err
	}
	points, err := treeSize(filepath.Join(repo, "points"))
	if err != nil {
		return o, err
	}
	o.table, o.points = float64(table), float64(points)
	err = filepath.WalkDir(filepath.Join(repo, "packs"), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		return o.addPack(path)
	})
	return o, err
}

func (o *overhead) addPack(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Seek(-format.PackFooterSize, io.SeekEnd)
	if err != nil {
		return err
	}
	size += format.PackFooterSize
	b, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	footer, err := format.ParsePackFooter(b, size)
	if err != nil {
		return err
	}
	if footer.Header.Kind == format.KindTree {
		o.maps += float64(size)
		return nil
	}
	o.blocks += int64(footer.Slots)
	o.trailers += float64(size - footer.End + format.PackHeaderSize)
	return nil
}
