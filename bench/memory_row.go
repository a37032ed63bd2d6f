package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"

	"golang.org/x/sync/errgroup"

	"vbfs/index/block"
	"vbfs/libnbd"
)

const (
	captureLimit = 256                 // MiB
	serveLimit   = 128 + cacheSize>>20 // MiB
	pruneLimit   = 512                 // MiB
	crowdReads   = 250_000             // at random: nearly every pack, and more blocks than the cache holds
	crowdReaders = 8
)

func memoryRows() []row {
	of := func(how string, held func(l *lab, c crowd) measure) row {
		return row{
			work: fmt.Sprintf("resident memory of `%s`, %d packs, %d random reads", how, manyPacks, crowdReads), goal: "<= 128 MiB + cache (256 MiB)",
			unit: "MiB", bound: serveLimit, once: true,
			start: func(ctx context.Context, l *lab) (contest, error) {
				c, err := l.manyPacks(ctx)
				debug.FreeOSMemory() // what we hold counts as our children's
				return contest{ours: held(l, c), close: func() error { return os.RemoveAll(c.repo) }}, err
			},
		}
	}
	captured := row{
		work: "resident memory of `vbackup backup`, the most of all captures", goal: "<= 256 MiB", unit: "MiB", bound: captureLimit, once: true,
		start: func(_ context.Context, l *lab) (contest, error) {
			return contest{ours: l.captureMemory}, nil
		},
	}
	collected := row{
		work: fmt.Sprintf("resident memory of `vbackup prune --dry-run`, %d packs", manyPacks), goal: "<= 512 MiB", unit: "MiB", bound: pruneLimit, once: true,
		start: func(ctx context.Context, l *lab) (contest, error) {
			c, err := l.manyPacks(ctx)
			debug.FreeOSMemory()
			return contest{ours: l.pruneMemory(c), close: func() error { return os.RemoveAll(c.repo) }}, err
		},
	}
	return []row{captured, of("vbfs serve", (*lab).serveMemory), of("vbfs mount", (*lab).mountMemory), collected}
}

func (l *lab) captureMemory(ctx context.Context) (float64, error) {
	if l.capturePeak == 0 {
		if _, err := l.ourFull("zstd")(ctx); err != nil {
			return 0, err
		}
	}
	return float64(l.capturePeak) / (1 << 20), nil
}

func (l *lab) pruneMemory(c crowd) measure {
	return func(ctx context.Context) (float64, error) {
		cmd := l.ours(ctx, "vbackup", c.repo, "prune", "--dry-run")
		err := finish(cmd)
		return float64(resident(cmd.ProcessState)) / (1 << 20), err
	}
}

func (l *lab) serveMemory(c crowd) measure {
	return func(ctx context.Context) (float64, error) {
		s, socket, err := l.serve(ctx, c.repo)
		if err != nil {
			return 0, err
		}
		g, _ := errgroup.WithContext(ctx)
		for i := range crowdReaders {
			g.Go(func() error {
				h, err := libnbd.Create()
				if err != nil {
					return err
				}
				defer h.Close()
				if err := h.ConnectUri(uri(socket, newest)); err != nil {
					return err
				}
				return c.read(i, func(p []byte, off int64) error { return h.Pread(p, uint64(off), nil) })
			})
		}
		err = errors.Join(g.Wait(), s.stop())
		return s.held(), err
	}
}

func (l *lab) mountMemory(c crowd) measure {
	return func(ctx context.Context) (float64, error) {
		s, dir, err := l.mount(ctx, c.repo)
		if err != nil {
			return 0, err
		}
		g, _ := errgroup.WithContext(ctx)
		for i := range crowdReaders {
			g.Go(func() error {
				f, err := os.Open(mounted(dir))
				if err != nil {
					return err
				}
				defer f.Close()
				return c.read(i, func(p []byte, off int64) error {
					_, err := f.ReadAt(p, off)
					return err
				})
			})
		}
		err = errors.Join(g.Wait(), s.stop(), unmounted(dir))
		return s.held(), err
	}
}

// read reads one reader's share at random.
func (c crowd) read(reader int, at func(p []byte, off int64) error) error {
	rng := rand.New(rand.NewPCG(uint64(reader), 3))
	p := make([]byte, 4096)
	for range crowdReads / crowdReaders {
		off := rng.Int64N(c.blocks)<<block.Log2Size + rng.Int64N(16)<<12
		if err := at(p, off); err != nil {
			return fmt.Errorf("read at %d: %w", off, err)
		}
	}
	return nil
}

// held gives the most memory that a server which has ended held, in MiB.
func (s *server) held() float64 { return float64(resident(s.cmd.ProcessState)) / (1 << 20) }
