package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Random reads go where the disk holds data: holes are read in no time by anybody.
const (
	coldSpan  = 1 << 30   // of data
	coldReads = 4000      // a quarter of its blocks, so that few are read twice
	hotSpan   = 128 << 20 // what every cache has room for
	hotTime   = 3         // seconds
)

func randomRows() []row {
	against := func(work, goal string, bound float64, of func(ctx context.Context, l *lab, uri string, seed int) (float64, error)) row {
		return row{
			work: work, peer: "qemu-nbd on zstd qcow2", goal: goal, unit: "IOPS", bound: bound, least: true,
			start: func(ctx context.Context, l *lab) (contest, error) {
				repo, err := l.repository(ctx, "zstd")
				if err != nil {
					return contest{}, err
				}
				image, err := l.qcow2(ctx, "zstd")
				seed := 0 // both read the same places, other ones each round
				return contest{
					ours: func(ctx context.Context) (float64, error) {
						seed++
						s, socket, err := l.serve(ctx, repo)
						return ended(s, err, func() (float64, error) { return of(ctx, l, uri(socket, newest), seed) })
					},
					peer: func(ctx context.Context) (float64, error) {
						s, socket, err := l.qemuNBD(ctx, image)
						return ended(s, err, func() (float64, error) { return of(ctx, l, uri(socket, ""), seed) })
					},
				}, err
			},
		}
	}
	return []row{
		against("NBD random 4 KiB, 16 in flight, cold blocks", ">= 1", 1, cold),
		against("NBD random 4 KiB, 16 in flight, hot blocks", ">= 2", 2, hot),
	}
}

// ended measures at a server that was started for it, and stops it.
func ended(s *server, err error, m func() (float64, error)) (float64, error) {
	if err != nil {
		return 0, err
	}
	v, err := m()
	return v, errors.Join(err, s.stop())
}

func cold(ctx context.Context, l *lab, uri string, seed int) (float64, error) {
	span := min(coldSpan, l.disk.dataBytes())
	return fio(ctx, uri, l.disk.dense(span), span, "--number_ios="+strconv.Itoa(coldReads), "--randseed="+strconv.Itoa(seed))
}

// hot reads everything once before it measures.
func hot(ctx context.Context, l *lab, uri string, seed int) (float64, error) {
	off := l.disk.dense(hotSpan)
	if _, err := fio(ctx, uri, off, hotSpan, "--rw=read"); err != nil {
		return 0, err
	}
	return fio(ctx, uri, off, hotSpan, "--time_based", "--runtime="+strconv.Itoa(hotTime), "--randseed="+strconv.Itoa(seed))
}

// fio reads at random and gives reads a second.
func fio(ctx context.Context, uri string, off, size int64, more ...string) (float64, error) {
	args := []string{
		"--name=r", "--ioengine=nbd", "--uri=" + uri, "--rw=randread", "--bs=4k", "--iodepth=16", "--readonly", "--norandommap",
		"--output-format=json", "--offset=" + strconv.FormatInt(off, 10), "--size=" + strconv.FormatInt(size, 10),
	}
	out, err := output(command(ctx, "fio", append(args, more...)...))
	if err != nil {
		return 0, err
	}
	_, out, _ = bytes.Cut(out, []byte("\n{")) // what it warns of comes first
	out = append([]byte("{"), out...)
	var r struct {
		Jobs []struct {
			Error int
			Read  struct{ IOPS float64 }
		}
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return 0, fmt.Errorf("fio: %w", err)
	}
	if len(r.Jobs) != 1 || r.Jobs[0].Error != 0 {
		return 0, fmt.Errorf("fio: %s", out)
	}
	return r.Jobs[0].Read.IOPS, nil
}
