package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"

	"vbfs/index"
	"vbfs/index/block"
	"vbfs/index/object"
)

// A chain is a year of daily points, each of which changes one block in a hundred.
const (
	chainSize   = 512 << 20
	chainPoints = 365
)

func chainRow() row {
	return row{
		work: fmt.Sprintf("reading at point %d of a chain (%d MiB disk, 1 %% scattered changes a point), nbdcopy -C 4 to null", chainPoints, chainSize>>20),
		peer: "point 1 of the same chain", goal: ">= 0.95", unit: "MiB/s", bound: 0.95, least: true,
		start: func(ctx context.Context, l *lab) (contest, error) {
			c := l.chain()
			repo, err := c.make(ctx, l)
			at := func(export string) measure {
				return func(ctx context.Context) (float64, error) { return l.copyOurs(ctx, repo, export, c.size) }
			}
			return contest{ours: at(c.last), peer: at(c.first), close: func() error { return os.RemoveAll(repo) }}, err
		},
	}
}

// A chain is the exports of its two ends.
type chain struct {
	size        int64
	first, last string
}

func (l *lab) chain() *chain {
	return &chain{size: min(chainSize, l.disk.dataBytes()) &^ (block.Size - 1)}
}

// make gives the repository.
func (c *chain) make(ctx context.Context, l *lab) (string, error) {
	return l.makeRepo(ctx, func(dir string, store *object.Local) error {
		return opened(ctx, dir, store, func(repo *index.Repository) error { return c.build(ctx, l.disk, repo) })
	})
}

// build begins with what the image holds, wherever it lies there, and changes it.
func (c *chain) build(ctx context.Context, d *disk, repo *index.Repository) error {
	f, err := os.Open(d.path)
	if err != nil {
		return err
	}
	defer f.Close()
	rng := rand.New(rand.NewPCG(365, 1))
	wrote := make([]uint64, c.size>>block.Log2Size) // the point that each block is of: audits read unchanged ones, too
	for n := range chainPoints {
		p := &patch{size: c.size, full: n == 0, blocks: chosen(rng, c.size>>block.Log2Size, n == 0)}
		for _, b := range p.blocks {
			wrote[b] = uint64(n)
		}
		p.fill = func(number int64, b []byte) error {
			rng := rand.New(rand.NewPCG(wrote[number], uint64(number)))
			return turned(f, d.data[rng.IntN(len(d.data))], rng, b)
		}
		m, err := capture(ctx, repo, machine, p)
		if err != nil {
			return err
		}
		c.last = machine + "@" + m.Name + ":" + diskName
		if n == 0 {
			c.first = c.last
		}
	}
	return nil
}

// chosen gives the blocks of n that a point writes, in order: all, or one in a hundred.
func chosen(rng *rand.Rand, n int64, full bool) (blocks []int64) {
	for i := range n {
		if full || rng.IntN(100) == 0 {
			blocks = append(blocks, i)
		}
	}
	return blocks
}
