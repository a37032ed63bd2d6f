package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"vbfs/index/block"
)

// A history is many points of one small disk, each of which changes one block in a hundred, taken by both programs.
const (
	historySize   = 128 << 20
	historyPoints = 200
	historyKept   = historyPoints / 2
)

func pruneRow() row {
	return row{
		work: fmt.Sprintf("forget and prune half of %d points (%d MiB disk, 1 %% scattered changes a point)", historyPoints, historySize>>20),
		peer: "restic forget --prune", goal: "<= 0.3", unit: "s", bound: 0.3,
		start: func(ctx context.Context, l *lab) (contest, error) {
			h, err := l.history(ctx)
			return contest{ours: h.prune, peer: h.resticPrune, close: h.close}, err
		},
	}
}

// A past is the two repositories that hold it.
type past struct {
	l            *lab
	dir          string
	repo, restic string
}

func (l *lab) history(ctx context.Context) (h *past, err error) {
	h = &past{l: l}
	if h.dir, err = l.folder("history"); err != nil {
		return h, err
	}
	if h.repo, err = l.initRepo(ctx, "zstd"); err != nil {
		return h, err
	}
	if h.restic, err = l.resticRepo(ctx, false); err != nil {
		return h, err
	}
	return h, h.build(ctx, filepath.Join(h.dir, machine+".raw"))
}

// build lets the disk live, and both programs take each of its points.
func (h *past) build(ctx context.Context, image string) error {
	from, err := os.Open(h.l.disk.path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(image)
	if err != nil {
		return err
	}
	defer to.Close()
	rng, n := rand.New(rand.NewPCG(200, 1)), int64(historySize>>block.Log2Size)
	for i := range historyPoints {
		for _, b := range chosen(rng, n, i == 0) {
			data := make([]byte, block.Size)
			if err := turned(from, h.l.disk.data[rng.IntN(len(h.l.disk.data))], rng, data); err != nil {
				return err
			}
			if _, err := to.WriteAt(data, b<<block.Log2Size); err != nil {
				return err
			}
		}
		if _, err := h.l.backup(ctx, h.repo, image); err != nil {
			return err
		}
		if err := finish(h.l.restic(ctx, h.restic, "backup", image)); err != nil {
			return err
		}
	}
	return nil
}

// aside runs work with a copy of a repository. Neither program writes a file anew, so the copy is made of links.
func (h *past) aside(ctx context.Context, repo string, work func(repo string) (float64, error)) (float64, error) {
	dir := filepath.Join(h.dir, "copy")
	defer os.RemoveAll(dir)
	if err := finish(command(ctx, "cp", "-al", repo, dir)); err != nil {
		return 0, err
	}
	return work(dir)
}

func (h *past) prune(ctx context.Context) (float64, error) {
	return h.aside(ctx, h.repo, func(repo string) (float64, error) {
		return timed(h.l.ours(ctx, "vbackup", repo, "forget", "--keep-last", strconv.Itoa(historyKept), "--prune"))
	})
}

func (h *past) resticPrune(ctx context.Context) (float64, error) {
	return h.aside(ctx, h.restic, func(repo string) (float64, error) {
		return timed(h.l.restic(ctx, repo, "forget", "--keep-last", strconv.Itoa(historyKept), "--prune"))
	})
}

func (h *past) close() error { return os.RemoveAll(h.dir) }
