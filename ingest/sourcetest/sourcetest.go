package sourcetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"vbfs/ingest"
)

// Test runs the suite. open returns a new Source over the same disk, whose bytes are plain, at every call; the suite
// closes it. plain should hold data, zeros, and several MiB, and must not be empty.
func Test(t *testing.T, open func(t *testing.T) ingest.Source, plain []byte) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, ingest.Source, []byte)
	}{
		{"Size", size},
		{"ExtentsCover", extentsCover},
		{"ExtentsStop", extentsStop},
		{"ExtentsCancelled", extentsCancelled},
		{"ReadsBetweenExtents", readsBetweenExtents},
		{"RandomReads", randomReads},
		{"ConcurrentReads", concurrentReads},
		{"ReadsPastTheEnd", readsPastTheEnd},
		{"Close", closed},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := open(t)
			t.Cleanup(func() { src.Close() })
			c.run(t, src, plain)
		})
	}
}

func size(t *testing.T, src ingest.Source, plain []byte) {
	if src.Size() != int64(len(plain)) {
		t.Fatalf("Size is %d, not %d", src.Size(), len(plain))
	}
}

func extentsCover(t *testing.T, src ingest.Source, plain []byte) {
	var end int64
	for e, err := range src.Extents(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Off != end || e.Len <= 0 || e.Len > int64(len(plain))-end {
			t.Fatalf("extent %+v after one that ended at %d of %d", e, end, len(plain))
		}
		end = e.Off + e.Len
		if e.Zero && !zero(plain[e.Off:end]) {
			t.Fatalf("extent %+v is not zero", e)
		}
	}
	if end != int64(len(plain)) {
		t.Fatalf("extents end at %d of %d", end, len(plain))
	}
}

func extentsStop(t *testing.T, src ingest.Source, plain []byte) {
	for range 3 { // a loop that is left early leaves nothing behind that the next one needs
		for range src.Extents(t.Context()) {
			break
		}
	}
	extentsCover(t, src, plain)
}

func extentsCancelled(t *testing.T, src ingest.Source, plain []byte) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var last error
	for _, err := range src.Extents(ctx) {
		if last != nil {
			t.Fatalf("another extent after the error %v", last)
		}
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Fatalf("extents of a cancelled context end with %v", last)
	}
}

func readsBetweenExtents(t *testing.T, src ingest.Source, plain []byte) {
	for e, err := range src.Extents(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		compare(t, src, plain, e.Off, min(e.Len, 4096))
	}
}

func randomReads(t *testing.T, src ingest.Source, plain []byte) {
	rng := rand.New(rand.NewPCG(1, 2))
	size := int64(len(plain))
	compare(t, src, plain, 0, size)
	compare(t, src, plain, size-1, 1)
	for range 200 {
		off := rng.Int64N(size)
		compare(t, src, plain, off, rng.Int64N(min(size-off, 200_000)+1))
	}
}

func concurrentReads(t *testing.T, src ingest.Source, plain []byte) {
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(3, uint64(worker)))
			for range 12 {
				off := rng.Int64N(int64(len(plain)))
				compare(t, src, plain, off, rng.Int64N(min(int64(len(plain))-off, 2<<20)+1))
			}
		})
	}
	wg.Wait()
}

func readsPastTheEnd(t *testing.T, src ingest.Source, plain []byte) {
	size := int64(len(plain))
	buf := bytes.Repeat([]byte{0xee}, 1024)
	inside := min(size, 512)
	n, err := src.ReadAt(buf, size-inside)
	if int64(len(buf)) > inside && err == nil {
		t.Fatalf("%d bytes from %d bytes before the end, without an error", n, inside)
	}
	if !bytes.Equal(buf[:n], plain[size-inside:][:n]) {
		t.Fatal("a read across the end gives wrong bytes")
	}
	for _, off := range []int64{size, size + 1, size + 1<<40} {
		if n, err := src.ReadAt(buf, off); n != 0 || !errors.Is(err, io.EOF) {
			t.Fatalf("read at %d of %d: %d, %v", off, size, n, err)
		}
	}
	if n, err := src.ReadAt(buf, -1); n != 0 || err == nil {
		t.Fatalf("read at -1: %d, %v", n, err)
	}
}

func closed(t *testing.T, src ingest.Source, plain []byte) {
	compare(t, src, plain, 0, 1)
	if err := src.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := src.ReadAt(make([]byte, 1), 0); n != 0 || err == nil {
		t.Fatalf("read of a closed source: %d, %v", n, err)
	}
	src.Close() // a second one may say no, but harms nothing
}

func compare(t *testing.T, src ingest.Source, plain []byte, off, n int64) {
	t.Helper()
	buf := make([]byte, n)
	got, err := src.ReadAt(buf, off)
	if err != nil && !(errors.Is(err, io.EOF) && off+n == int64(len(plain))) || int64(got) != n {
		t.Errorf("read %d bytes at %d: %d, %v", n, off, got, err)
		return
	}
	if !bytes.Equal(buf, plain[off:off+n]) {
		t.Errorf("%d bytes at %d differ", n, off)
	}
}

func zero(p []byte) bool { return len(bytes.TrimLeft(p, "\x00")) == 0 }
