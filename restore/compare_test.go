package restore_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"vbfs/restore"
)

// A readable memory knows what it holds, and holes that are anything but aligned.
type readable struct {
	*memory
	holes map[int64]int64 // by offset: lengths of what is zero
	read  int
}

func (m *readable) ReadAt(p []byte, off int64) (int, error) {
	m.mu.Lock()
	m.read += len(p)
	m.mu.Unlock()
	return bytes.NewReader(m.bytes).ReadAt(p, off)
}

func (m *readable) Size() int64 { return int64(len(m.bytes)) }

func (m *readable) Extent(off int64) (int64, bool, error) {
	next := m.Size()
	for at, n := range m.holes {
		if at <= off && off < at+n {
			return at + n - off, false, nil
		}
		if at > off {
			next = min(next, at)
		}
	}
	return next - off, true, nil
}

// drifted is a target that held what the image has, until some of its ranges were written and some became holes.
func drifted(want []byte, rng *rand.Rand) *readable {
	m := &readable{newMemory(int64(len(want))), map[int64]int64{}, 0}
	copy(m.bytes, want)
	for range rng.IntN(30) {
		off := rng.Int64N(m.Size())
		n := min(1+rng.Int64N(3*restore.Granule), m.Size()-off)
		if rng.IntN(2) == 0 {
			m.bytes[off]++
			m.bytes[off+n-1]++
			continue
		}
		clear(m.bytes[off : off+n])
		m.holes[off] = n
	}
	for off, n := range m.holes { // later writes may have filled it
		if !bytes.Equal(m.bytes[off:off+n], make([]byte, n)) {
			delete(m.holes, off)
		}
	}
	return m
}

func TestComparePutsWhatDiffers(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 11))
		img := random(1 + rng.Int64N(90*restore.Granule))
		m := drifted(img.Bytes, rng)
		before := bytes.Clone(m.bytes)
		var p restore.Progress
		if err := restore.Copy(t.Context(), img, m, restore.Options{Compare: true, Progress: &p}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(m.bytes, img.Bytes) {
			t.Fatalf("seed %d: the target differs", seed)
		}
		same := int64(0)
		for at := int64(0); at < img.Size(); at += restore.Granule {
			end := min(at+restore.Granule, img.Size())
			times := 1
			if bytes.Equal(before[at:end], img.Bytes[at:end]) {
				times, same = 0, same+end-at
			}
			if m.times[at] != times {
				t.Fatalf("seed %d: granule at %d written %d times, not %d", seed, at, m.times[at], times)
			}
		}
		if p.Same.Load() != same || p.Data.Load()+p.Zero.Load() != img.Size() {
			t.Fatalf("seed %d: %d bytes the same, %d done; not %d of %d", seed, p.Same.Load(), p.Data.Load()+p.Zero.Load(), same, img.Size())
		}
	}
}

// TestWhere marks what differs, and something more: nothing else is looked at.
func TestWhere(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 12))
		img := random(1 + rng.Int64N(300*restore.Granule))
		m := &readable{newMemory(img.Size()), nil, 0}
		copy(m.bytes, img.Bytes)
		marks, err := restore.NewMarks(img.Size())
		if err != nil {
			t.Fatal(err)
		}
		for range rng.IntN(12) {
			off := rng.Int64N(img.Size())
			n := 1 + rng.Int64N(1+rng.Int64N(100*restore.Granule))
			marks.Add(off, n)
			clear(m.bytes[off:min(off+n, img.Size())])
		}
		compare := seed%2 == 0
		var p restore.Progress
		o := restore.Options{Compare: compare, Where: marks, Progress: &p}
		if err := restore.Copy(t.Context(), img, m, o); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(m.bytes, img.Bytes) {
			t.Fatalf("seed %d: the target differs", seed)
		}
		for at := int64(0); at < img.Size(); at += restore.Granule {
			if in := marks.Has(at); !in && m.times[at] != 0 || in && !compare && m.times[at] != 1 {
				t.Fatalf("seed %d: granule at %d, marked %v, written %d times", seed, at, in, m.times[at])
			}
		}
		if int64(m.read) > marks.Bytes() || p.Data.Load()+p.Zero.Load() != img.Size() {
			t.Fatalf("seed %d: %d bytes read of %d marked, %d done", seed, m.read, marks.Bytes(), p.Data.Load()+p.Zero.Load())
		}
	}
}

func TestMarksOfALargeDisk(t *testing.T) {
	marks, err := restore.NewMarks(40 << 40)
	if err != nil {
		t.Fatal(err)
	}
	marks.Add(39<<40+5, 1)
	marks.Add(-10, 5)
	marks.Add(50<<40, 5)
	if !marks.Has(39<<40) || marks.Bytes() != restore.Granule {
		t.Errorf("%d bytes are marked", marks.Bytes())
	}
	if _, err := restore.NewMarks(65 << 40); !errors.Is(err, restore.ErrUnsupported) {
		t.Errorf("a disk that is too large: %v", err)
	}
}

func TestCompareNeedsAReader(t *testing.T) {
	img := random(restore.Granule)
	if err := restore.Copy(t.Context(), img, newMemory(restore.Granule), restore.Options{Compare: true}); !errors.Is(err, restore.ErrNoReread) {
		t.Error(err)
	}
	if err := restore.CopyStream(t.Context(), img, io.Discard, restore.Options{Compare: true}); !errors.Is(err, restore.ErrNoReread) {
		t.Error(err)
	}
}

// TestFillLeavesTheEnd to its caller.
func TestFillLeavesTheEnd(t *testing.T) {
	img, m := random(5*restore.Granule), newMemory(5*restore.Granule)
	if err := restore.Fill(t.Context(), img, m, restore.Options{Verify: true}); err != nil || m.synced || m.closed > 0 {
		t.Errorf("%v, synced %v, closed %d times", err, m.synced, m.closed)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := restore.Fill(ctx, img, m, restore.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
