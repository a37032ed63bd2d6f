package table

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"vbfs/index/format"
)

// fanIn is how many segments of a tier are merged into one. A tier spans a factor of eight in size.
const fanIn = 8

// Keep tells what a merge shall keep; a nil function keeps all. The functions are called from one goroutine.
type Keep struct {
	Address func(format.Address) bool
	Point   func(format.UUID) bool
}

func (k Keep) all() bool { return k.Address == nil && k.Point == nil }

// Merge makes one segment of each tier that has many, until none has; with a keep that may drop something, one of all
// segments. It removes segments that it finds damaged, so that their packs are named no more. Any number of processes may
// merge at once; without keep, one leaves the work to another that is at it. The table is refreshed when Merge returns.
func (t *Table) Merge(ctx context.Context, keep Keep) error {
	unlock, locked := lockDir(t.dir)
	defer unlock()
	if !locked && keep.all() {
		return t.Refresh()
	}
	for more := true; more; {
		if err := t.sweepDamaged(); err != nil {
			return fmt.Errorf("merge table: %w", err)
		}
		merged, err := t.mergeSome(ctx, keep)
		if err != nil && !errors.Is(err, ErrDamaged) {
			return fmt.Errorf("merge table: %w", err)
		}
		more = err != nil || merged && keep.all() // the damaged are swept first, then the others merged
	}
	return t.Refresh()
}

// mergeSome merges some segments and tells whether there were any to merge.
func (t *Table) mergeSome(ctx context.Context, keep Keep) (merged bool, err error) {
	c := t.acquire()
	defer t.release(c)
	inputs := c.segs
	if keep.all() {
		inputs = choose(c.segs)
	}
	if len(inputs) == 0 {
		return false, nil
	}
	if err := hashAll(ctx, inputs); err != nil {
		return false, err
	}
	name, err := writeFile(t.dir, mergeSource(ctx, inputs, keep))
	if err != nil {
		return false, err
	}
	for _, s := range inputs {
		if s.name != name {
			err = errors.Join(err, remove(t.dir, s.name))
		}
	}
	return true, err
}

// choose gives the segments of the first tier that has many, if there is one, newest first.
func choose(segs []*segment) []*segment {
	var tiers [64/3 + 1][]*segment
	for _, s := range segs {
		n := bits.Len64(uint64(s.info.Size())) / 3
		tiers[n] = append(tiers[n], s)
	}
	for _, tier := range tiers {
		if len(tier) >= fanIn {
			return tier
		}
	}
	return nil
}

// remove takes a segment away; another process may have been quicker.
func remove(dir, name string) error {
	if err := os.Remove(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// lockDir tries to become the one who merges. The lock saves work and guards nothing, so where there are no locks all
// have it.
func lockDir(dir string) (unlock func(), locked bool) {
	f, err := os.Open(dir)
	if err != nil {
		return func() {}, true
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	return func() { f.Close() }, !errors.Is(err, unix.EWOULDBLOCK)
}
