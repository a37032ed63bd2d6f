package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"vbfs/index/format"
	"vbfs/index/pack"
)

// An increment may take what three bare reads of the changes take, and this long, in seconds.
const (
	incrementFactor = 3
	incrementBase   = 0.1
)

func incrementRows() []row {
	const work = "increment of 1 % scattered 64 KiB blocks by dirty bitmap"
	return []row{
		{
			work: work + ", time", peer: "libnbd reading just those blocks", goal: "<= 3 x + 0.1 s", unit: "s", bound: 1,
			ratio: func(ours, peer float64) float64 { return ours / (incrementFactor*peer + incrementBase) },
			start: func(ctx context.Context, l *lab) (contest, error) {
				i, err := l.increment(ctx)
				return contest{ours: i.time, peer: i.readChanges, close: i.close}, err
			},
		}, {
			work: work + ", bytes added", peer: "the changed blocks, compressed", goal: "<= 1.05", unit: "MiB", bound: 1.05, once: true,
			start: func(ctx context.Context, l *lab) (contest, error) {
				i, err := l.increment(ctx)
				return contest{ours: i.added, peer: i.compressed, close: i.close}, err
			},
		},
	}
}

// An increment is a live disk and a repository that holds what it was before the changes.
type increment struct {
	*live
	l    *lab
	repo string
}

func (l *lab) increment(ctx context.Context) (increment, error) {
	repo, err := l.initRepo(ctx, "zstd")
	if err != nil {
		return increment{}, err
	}
	if _, err = l.backup(ctx, repo, l.disk.path); err != nil {
		return increment{}, err
	}
	v, err := l.goLive(ctx)
	return increment{v, l, repo}, err
}

// copied gives a copy of the repository for a while. Objects never change, so the copy is made of links.
func (i increment) copied(ctx context.Context, work func(repo string) error) error {
	repo := i.l.path("increment")
	defer os.RemoveAll(repo)
	if err := finish(command(ctx, "cp", "-al", i.repo, repo)); err != nil {
		return err
	}
	return work(repo)
}

// run captures the changes into a copy of the repository.
func (i increment) run(ctx context.Context, then func(repo string) error) (took float64, err error) {
	err = i.copied(ctx, func(repo string) (err error) {
		if took, err = i.capture(ctx, repo); err != nil {
			return err
		}
		return then(repo)
	})
	return took, err
}

func (i increment) capture(ctx context.Context, repo string) (took float64, err error) {
	cmd := i.l.ours(ctx, "vbackup", repo, "backup", "--json", "--machine", machine, "--bitmap", bitmap, uri(i.socket, machine))
	var out []byte
	took, err = seconds(func() (err error) {
		out, err = output(cmd)
		return err
	})
	if err != nil {
		return 0, err
	}
	return took, i.check(out)
}

// check sees that nothing but the changes was read.
func (i increment) check(out []byte) error {
	var read int64
	lines(out, func(l string) {
		var s struct {
			Type string
			Read int64 `json:"read_bytes"`
		}
		if json.Unmarshal([]byte(l), &s) == nil && s.Type == "summary" {
			read = s.Read
		}
	})
	if want := int64(len(i.changes) * len(i.changes[0].data)); read != want {
		return fmt.Errorf("the increment read %d bytes, not %d", read, want)
	}
	return nil
}

func (i increment) time(ctx context.Context) (float64, error) {
	return i.run(ctx, func(string) error { return nil })
}

// added gives by how much the repository grows, with everything.
func (i increment) added(ctx context.Context) (mib float64, err error) {
	before, err := treeSize(i.repo)
	if err != nil {
		return 0, err
	}
	_, err = i.run(ctx, func(repo string) error {
		after, err := treeSize(repo)
		mib = float64(after-before) / (1 << 20)
		return err
	})
	return mib, err
}

// compressed gives what the codec makes of the changed blocks, each alone.
func (i increment) compressed(context.Context) (float64, error) {
	enc, err := pack.NewEncoder(format.Zstd)
	if err != nil {
		return 0, err
	}
	sum := 0
	for _, c := range i.changes {
		_, b, err := enc.Encode(c.data)
		if err != nil {
			return 0, err
		}
		sum += len(b)
	}
	return float64(sum) / (1 << 20), nil
}
