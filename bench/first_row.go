package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"vbfs/index/object"
	"vbfs/libnbd"
)

func firstByteRows() []row {
	of := func(how string, first func(l *lab, h history) measure) row {
		return row{
			work: fmt.Sprintf("first byte after the start of `%s`, %d points, a 16 TiB disk, without the key derivation", how, manyMachines*manyPoints),
			goal: "< 100 ms", unit: "ms", bound: 100,
			start: func(ctx context.Context, l *lab) (contest, error) {
				h, err := l.manyPoints(ctx)
				return contest{ours: l.withoutDerivation(h.repo, first(l, h)), close: func() error { return os.RemoveAll(h.repo) }}, err
			},
		}
	}
	derivation := row{
		work: "password's key derivation, for the two above", goal: "told apart", unit: "ms", bound: math.Inf(1),
		start: func(ctx context.Context, l *lab) (contest, error) {
			repo, err := l.initRepo(ctx, "zstd")
			return contest{
				ours:  func(ctx context.Context) (float64, error) { return derive(ctx, repo) },
				close: func() error { return os.RemoveAll(repo) },
			}, err
		},
	}
	return []row{of("vbfs serve", (*lab).firstServed), of("vbfs mount", (*lab).firstMounted), derivation}
}

// withoutDerivation takes off what the derivation of the password's key takes just before and after.
func (l *lab) withoutDerivation(repo string, m measure) measure {
	return func(ctx context.Context) (float64, error) {
		before, err := derive(ctx, repo)
		if err != nil {
			return 0, err
		}
		took, err := m(ctx)
		if err != nil {
			return 0, err
		}
		after, err := derive(ctx, repo)
		return took - (before+after)/2, err
	}
}

// derive gives the milliseconds that a derivation takes in a process of its own: the 64 MiB that it needs are new there, as
// they are in the programs.
func derive(ctx context.Context, repo string) (float64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	out, err := output(command(ctx, self, "-derive", repo))
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// printDerivation is the other side of derive.
func printDerivation(ctx context.Context, repo string) error {
	store, err := object.OpenLocal(repo)
	if err != nil {
		return err
	}
	defer store.Close()
	_, took, err := ring(ctx, store)
	if err != nil {
		return err
	}
	fmt.Println(float64(took) / float64(time.Millisecond))
	return nil
}

func (l *lab) firstServed(h history) measure {
	return func(ctx context.Context) (ms float64, err error) {
		start := time.Now()
		s, socket, err := l.serve(ctx, h.repo)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, s.stop()) }()
		c, err := libnbd.Create()
		if err != nil {
			return 0, err
		}
		defer c.Close()
		if err := c.ConnectUri(uri(socket, h.export)); err != nil {
			return 0, err
		}
		err = c.Pread(make([]byte, 4096), uint64(h.off), nil)
		return float64(time.Since(start)) / float64(time.Millisecond), err
	}
}

func (l *lab) firstMounted(h history) measure {
	return func(ctx context.Context) (ms float64, err error) {
		start := time.Now()
		s, dir, err := l.mount(ctx, h.repo)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, s.stop(), unmounted(dir)) }()
		f, err := os.Open(filepath.Join(dir, h.path))
		if err != nil {
			return 0, err
		}
		defer f.Close()
		_, err = f.ReadAt(make([]byte, 4096), h.off)
		return float64(time.Since(start)) / float64(time.Millisecond), err
	}
}
