package targettest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"vbfs/restore"
)

// A Place is where a target is, for one test.
type Place struct {
	// Open opens the target, which holds bytes that are not zero wherever it can hold any.
	Open func(restore.Spec) (restore.Target, error)

	// Read gives the first size bytes of what is stored there, by other means than the target's own.
	Read func(size int64) []byte

	// Untouched fails the test unless the place is as it was before Open. nil if a target of this kind cannot take
	// anything back.
	Untouched func()
}

// sizes are those of the disks: within one granule, a whole number of them, and an odd end.
var sizes = []int64{1000, 64 * restore.Granule, 130*restore.Granule + 4096, 77*restore.Granule + 12345}

// Test runs the suite. place makes a new place for a disk of size bytes at every call.
func Test(t *testing.T, place func(t *testing.T, size int64) Place) {
	for i, size := range sizes {
		rng := rand.New(rand.NewPCG(uint64(i), 7))
		t.Run("RandomRanges", func(t *testing.T) { randomRanges(t, place(t, size), size, rng) })
		t.Run("Copy", func(t *testing.T) { copied(t, place(t, size), size, rng) })
	}
	size := sizes[len(sizes)-1]
	t.Run("AllZero", func(t *testing.T) { allZero(t, place(t, size), size) })
	t.Run("ImageFails", func(t *testing.T) { imageFails(t, place(t, size), size) })
	t.Run("Cancelled", func(t *testing.T) { cancelled(t, place(t, size), size) })
	t.Run("Mismatch", func(t *testing.T) { mismatch(t, place(t, size), size) })
	t.Run("CloseWithoutSync", func(t *testing.T) { closeWithoutSync(t, place(t, size), size) })
}

func open(t *testing.T, p Place, size int64) restore.Target {
	t.Helper()
	target, err := p.Open(restore.Spec{Size: size, Data: size, Overwrite: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { target.Close() }) // a second Close may say no, but harms nothing
	return target
}

func randomRanges(t *testing.T, p Place, size int64, rng *rand.Rand) {
	target := open(t, p, size)
	img := Random(size, rng)
	putAll(t, target, img, rng)
	rereads(t, target, img.Bytes)
	if err := target.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	same(t, p.Read(size), img.Bytes)
}

// putAll puts ranges in any order, several at once, or as an Ordered target wants them.
func putAll(t *testing.T, target restore.Target, img *Image, rng *rand.Rand) {
	workers, order := 6, rng.Perm(len(img.Ranges))
	if ordered(target) {
		workers = 1
		slices.Sort(order)
	}
	work := make(chan Range)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for r := range work {
				put(t, target, img, r)
			}
		})
	}
	for _, i := range order {
		work <- img.Ranges[i]
	}
	close(work)
	wg.Wait()
}

func ordered(target restore.Target) bool {
	_, yes := target.(restore.Ordered)
	return yes
}

func put(t *testing.T, target restore.Target, img *Image, r Range) {
	if !r.Data {
		if err := target.Zero(r.Off, r.Len); err != nil {
			t.Errorf("zero %+v: %v", r, err)
		}
		return
	}
	p := img.Bytes[r.Off : r.Off+r.Len]
	if n, err := target.WriteAt(p, r.Off); n != len(p) || err != nil {
		t.Errorf("write %+v: %d, %v", r, n, err)
	}
}

// rereads checks a target that can be verified, at random ranges too.
func rereads(t *testing.T, target restore.Target, want []byte) {
	t.Helper()
	again, ok := target.(restore.Rereader)
	if !ok {
		return
	}
	stored, err := again.Reread(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 20 {
		off, n := int64(0), int64(len(want))
		if i > 0 {
			off = rng.Int64N(n)
			n = rng.Int64N(n-off) + 1
		}
		got := make([]byte, n)
		if m, err := stored.ReadAt(got, off); int64(m) != n || err != nil && !errors.Is(err, io.EOF) {
			t.Fatalf("read back %d bytes at %d: %d, %v", n, off, m, err)
		}
		same(t, got, want[off:off+n])
	}
}

func copied(t *testing.T, p Place, size int64, rng *rand.Rand) {
	img := Random(size, rng)
	var progress restore.Progress
	amount, err := restore.Survey(t.Context(), img)
	if err != nil {
		t.Fatal(err)
	}
	if err := restore.Copy(t.Context(), img, open(t, p, size), restore.Options{Verify: true, Progress: &progress}); err != nil {
		t.Fatal(err)
	}
	same(t, p.Read(size), img.Bytes)
	done := restore.Amount{Data: progress.Data.Load(), Zero: progress.Zero.Load()}
	if done != amount || progress.Verified.Load() != size {
		t.Fatalf("progress ends at %+v, %d verified; the disk is %+v, %d", done, progress.Verified.Load(), amount, size)
	}
}

func allZero(t *testing.T, p Place, size int64) {
	img := &Image{Bytes: make([]byte, size), Ranges: []Range{{0, size, false}}}
	if err := restore.Copy(t.Context(), img, open(t, p, size), restore.Options{Verify: true}); err != nil {
		t.Fatal(err)
	}
	same(t, p.Read(size), img.Bytes)
}

func imageFails(t *testing.T, p Place, size int64) {
	img := Random(size, rand.New(rand.NewPCG(5, 6)))
	broken := errors.New("a block is damaged")
	img.Fail = func(off, n int64) error {
		if off+n > size*3/4 {
			return broken
		}
		return nil
	}
	err := restore.Copy(t.Context(), img, open(t, p, size), restore.Options{})
	if !errors.Is(err, broken) {
		t.Fatalf("a broken image was restored: %v", err)
	}
	untouched(p)
}

func cancelled(t *testing.T, p Place, size int64) {
	ctx, cancel := context.WithCancel(t.Context())
	img := Random(size, rand.New(rand.NewPCG(7, 8)))
	img.Fail = func(off, n int64) error {
		if off > size/2 {
			cancel()
		}
		return nil
	}
	err := restore.Copy(ctx, img, open(t, p, size), restore.Options{})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled restore ends with %v", err)
	}
	untouched(p)
}

// mismatch has the image change between writing and verifying, which is to the verifier as if the target had.
func mismatch(t *testing.T, p Place, size int64) {
	target := open(t, p, size)
	if _, ok := target.(restore.Rereader); !ok {
		t.Skip("targets of this kind are not read back")
	}
	img := Random(size, rand.New(rand.NewPCG(9, 10)))
	var wrong restore.Target = spoiled{target, img}
	if ordered(target) {
		wrong = spoiledInOrder{spoiled{target, img}}
	}
	err := restore.Copy(t.Context(), img, wrong, restore.Options{Verify: true})
	if !errors.Is(err, restore.ErrMismatch) {
		t.Fatalf("a target that differs was verified: %v", err)
	}
	untouched(p)
}

// A spoiled target stores one wrong byte.
type spoiled struct {
	restore.Target
	img *Image
}

// A spoiledInOrder target is one that is Ordered.
type spoiledInOrder struct{ spoiled }

func (spoiledInOrder) Ordered() {}

func (s spoiled) Reread(ctx context.Context) (io.ReaderAt, error) {
	return s.Target.(restore.Rereader).Reread(ctx)
}

func (s spoiled) WriteAt(p []byte, off int64) (int, error) {
	if first := s.img.firstData(); off <= first && first < off+int64(len(p)) {
		p = bytes.Clone(p)
		p[first-off] ^= 1
	}
	return s.Target.WriteAt(p, off)
}

func closeWithoutSync(t *testing.T, p Place, size int64) {
	target := open(t, p, size)
	off := size - size%restore.Granule
	if ordered(target) {
		off = 0
	}
	if n, err := target.WriteAt([]byte{1, 2, 3}, off); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	untouched(p)
}

func untouched(p Place) {
	if p.Untouched != nil {
		p.Untouched()
	}
}

func same(t *testing.T, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	if len(got) != len(want) {
		t.Fatalf("%d bytes are stored, not %d", len(got), len(want))
	}
	i := 0
	for got[i] == want[i] {
		i++
	}
	t.Fatalf("stored bytes differ, first at %d: %#x, not %#x", i, got[i], want[i])
}
