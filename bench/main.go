package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
)

// options are the flags.
type options struct {
	only    string
	rounds  int
	quick   bool
	out     string
	cache   string
	profile string
	derive  string
}

func parse() (o options) {
	flag.StringVar(&o.only, "only", "", "measure, or profile, only what matches the `REGEXP`")
	flag.IntVar(&o.rounds, "rounds", 5, "valid rounds of each row")
	flag.BoolVar(&o.quick, "quick", false, "a small image and small repositories: to try the benchmark, not the program")
	flag.StringVar(&o.out, "out", "", "write the table to this `FILE` too (default docs/benchmarks.md when all was measured)")
	flag.StringVar(&o.cache, "cache", "", "keep the image in this `DIRECTORY` (default vbfs-bench in the user's cache)")
	flag.StringVar(&o.profile, "profile", "", "measure nothing; write CPU profiles of our side to this `DIRECTORY`")
	flag.StringVar(&o.derive, "derive", "", "print the milliseconds that the key of this `REPOSITORY` takes to derive: for the benchmark's own use")
	flag.Parse()
	if o.out == "" && o.only == "" && !o.quick {
		o.out = "docs/benchmarks.md"
	}
	return o
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, parse()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if o.derive != "" {
		return printDerivation(ctx, o.derive)
	}
	only, err := regexp.Compile(o.only)
	if err != nil {
		return err
	}
	l, err := newLab(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if o.profile != "" {
		return l.profile(ctx, o.profile, only)
	}
	results, err := l.measureAll(ctx, only)
	if err != nil {
		return err
	}
	text := report(l, results)
	fmt.Print(text)
	if o.out == "" {
		return nil
	}
	return writeReport(o.out, text)
}

// measureAll measures row by row. One that cannot be measured is told of and does not keep the others from it.
func (l *lab) measureAll(ctx context.Context, only *regexp.Regexp) (all []result, err error) {
	for _, r := range rows() {
		if !only.MatchString(r.work + " " + r.peer) {
			continue
		}
		res, err := l.measure(ctx, r)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			res = result{row: r, failed: err}
		}
		l.say("%s", res)
		all = append(all, res)
	}
	return all, nil
}

func defaultCache() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "vbfs-bench"), err
}
