package vsim

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Grain is the unit in which changes are kept and told: that of VMware's first CBT.
const Grain = 64 << 10

// A layer is a file of a disk: its flat, or a delta over a parent. A delta holds whole grains.
type layer struct {
	parent *layer // nil: the flat
	name   string // of its descriptor: "[fast] vm/vm-000001.vmdk"
	path   string // of its bytes, a sparse file as long as the disk
	grains map[int64]bool
}

// over makes an empty delta.
func (l *layer) over(name, path string, size int64) (*layer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return &layer{parent: l, name: name, path: path, grains: make(map[int64]bool)}, errors.Join(f.Truncate(size), f.Close())
}

// holder is the uppermost layer that has a grain.
func (l *layer) holder(grain int64) *layer {
	for l.parent != nil && !l.grains[grain] {
		l = l.parent
	}
	return l
}

func (l *layer) readAt(p []byte, off int64) error {
	return eachGrain(off, int64(len(p)), func(grain, at, n int64) error {
		part := p[at-off:][:n]
		f, err := os.Open(l.holder(grain).path)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err = f.ReadAt(part, at); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		return nil
	})
}

// writeAt puts bytes into this layer. What else is in a grain of a delta is copied up first.
func (l *layer) writeAt(p []byte, off, size int64) error {
	f, err := os.OpenFile(l.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return eachGrain(off, int64(len(p)), func(grain, at, n int64) error {
		if l.parent != nil && !l.grains[grain] && n < Grain {
			if err := l.lift(f, grain, size); err != nil {
				return err
			}
		}
		if l.parent != nil {
			l.grains[grain] = true
		}
		_, err := f.WriteAt(p[at-off:][:n], at)
		return err
	})
}

func (l *layer) lift(f *os.File, grain, size int64) error {
	start := grain * Grain
	whole := make([]byte, min(Grain, size-start))
	if err := l.parent.readAt(whole, start); err != nil {
		return err
	}
	_, err := f.WriteAt(whole, start)
	return err
}

// sink puts all of a delta into its parent, which then holds what the delta showed.
func (l *layer) sink(size int64) error {
	for grain := range l.grains {
		start := grain * Grain
		whole := make([]byte, min(Grain, size-start))
		if err := l.readAt(whole, start); err != nil {
			return err
		}
		if err := l.parent.writeAt(whole, start, size); err != nil {
			return err
		}
	}
	return os.Remove(l.path)
}

// copyTo writes what this layer shows to a sparse file.
func (l *layer) copyTo(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err = f.Truncate(size); err != nil {
		return err
	}
	held, err := l.allocated(size)
	if err != nil {
		return err
	}
	for grain := range held {
		whole := make([]byte, min(Grain, size-grain*Grain))
		if err = l.readAt(whole, grain*Grain); err != nil {
			return err
		}
		if _, err = f.WriteAt(whole, grain*Grain); err != nil {
			return err
		}
	}
	return nil
}

// allocated are the grains that any layer down to the flat has.
func (l *layer) allocated(size int64) (map[int64]bool, error) {
	held := make(map[int64]bool)
	for ; l.parent != nil; l = l.parent {
		for grain := range l.grains {
			held[grain] = true
		}
	}
	f, err := os.Open(l.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return held, eachData(f, size, func(from, to int64) {
		for grain := from / Grain; grain*Grain < to; grain++ {
			held[grain] = true
		}
	})
}

// eachGrain cuts [off, off+n) at the borders of grains.
func eachGrain(off, n int64, do func(grain, at, n int64) error) error {
	for at, end := off, off+n; at < end; {
		grain := at / Grain
		part := min(end, (grain+1)*Grain) - at
		if err := do(grain, at, part); err != nil {
			return fmt.Errorf("at %d: %w", at, err)
		}
		at += part
	}
	return nil
}
