package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"

	"vbfs/index/block"
)

// vmwareShare: one block of so many changes. The least that an audit reads is little beside it then, also in a quick run.
const vmwareShare = 5

// vsphereRows are about a double of a vCenter: see vcenter.
func vsphereRows() []row {
	return append([]row{vsphereFullRow(), vsphereIncrementRow(), vsphereMemoryRow()}, inventoryRows()...)
}

// vsphereFullRow compares with the least that can be done with a file that is had in ranges. The goal is a speed: four fifths of the peer's.
func vsphereFullRow() row {
	return row{
		work: "full of a vSphere machine by https, incompressible, `--compression none`", peer: "curl of the same ranges to files, synced",
		goal: ">= 0.8 of its speed", unit: "s", bound: 0.8, least: true, ratio: func(ours, peer float64) float64 { return peer / ours },
		start: func(_ context.Context, l *lab) (contest, error) {
			size := l.vmwareSize()
			v, err := l.vcenter(size)
			if err != nil {
				return contest{}, err
			}
			return contest{
				ours: func(ctx context.Context) (float64, error) {
					took, _, err := v.full(ctx)
					return took, err
				},
				peer: downloader{v, size}.run, close: v.close,
			}, nil
		},
	}
}

// vsphereIncrementRow counts at the server: with the audit, descriptors, NVRAM and all else that is read.
func vsphereIncrementRow() row {
	return row{
		work: fmt.Sprintf("increment of %d %% scattered 64 KiB blocks of a vSphere machine by https, bytes that the server sent", 100/vmwareShare),
		peer: "the changed areas", goal: "<= 1.05", unit: "MiB", bound: 1.05, once: true,
		start: func(ctx context.Context, l *lab) (contest, error) {
			i, err := l.vmwareIncrement(ctx)
			if err != nil {
				return contest{}, err
			}
			return contest{
				ours:  i.sent,
				peer:  func(context.Context) (float64, error) { return float64(i.changed) / (1 << 20), nil },
				close: i.close,
			}, nil
		},
	}
}

// A vmwareIncrement is a machine that has changed since a repository's point of it.
type vmwareIncrement struct {
	*vcenter
	repo    string
	changed int64 // bytes
	peak    int64 // of our program's memory: the full's, so far
}

func (l *lab) vmwareIncrement(ctx context.Context) (*vmwareIncrement, error) {
	size := l.vmwareSize()
	v, err := l.vcenter(size)
	if err != nil {
		return nil, err
	}
	i := &vmwareIncrement{vcenter: v}
	if i.repo, err = l.initRepo(ctx, "none"); err == nil {
		_, i.peak, err = i.backup(ctx, i.repo)
	}
	if err == nil {
		err = caught(func() {
			for _, b := range rand.Perm(int(size / block.Size))[:size/block.Size/vmwareShare] {
				i.write(int64(b)*block.Size, block.Size)
				i.changed += block.Size
			}
		})
	}
	if err != nil {
		return nil, errors.Join(err, i.close())
	}
	return i, nil
}

func (i *vmwareIncrement) close() error { return errors.Join(i.vcenter.close(), os.RemoveAll(i.repo)) }

// sent captures the changes and gives the MiB of files that this took.
func (i *vmwareIncrement) sent(ctx context.Context) (float64, error) {
	i.h.ResetCounts()
	_, held, err := i.backup(ctx, i.repo)
	i.peak = max(i.peak, held)
	n := i.h.Counts().Bytes
	if err == nil && n < i.changed {
		err = fmt.Errorf("the server sent %d bytes, of %d that changed", n, i.changed)
	}
	return float64(n) / (1 << 20), err
}

func vsphereMemoryRow() row {
	return row{
		work: "resident memory of `vbackup backup vsphere:`, the most of a full and an increment", goal: "<= 256 MiB", unit: "MiB", bound: captureLimit, once: true,
		start: func(ctx context.Context, l *lab) (contest, error) {
			i, err := l.vmwareIncrement(ctx)
			if err != nil {
				return contest{}, err
			}
			return contest{
				ours: func(ctx context.Context) (float64, error) {
					_, err := i.sent(ctx)
					return float64(i.peak) / (1 << 20), err
				},
				close: i.close,
			}, nil
		},
	}
}
