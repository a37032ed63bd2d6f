package exporttest

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"vbfs/nbdsrv"
)

// TestExport checks that what open opens is an Export of the bytes plain. It opens and closes it a few times.
func TestExport(t *testing.T, open func() nbdsrv.Export, plain []byte) {
	for name, test := range map[string]func(*testing.T, nbdsrv.Export, []byte){
		"size": testSize, "random reads": testRandomReads, "edges": testEdges,
		"extents": testExtents, "extents from anywhere": testExtentsFromAnywhere, "concurrent": testConcurrent,
	} {
		t.Run(name, func(t *testing.T) {
			e := open()
			test(t, e, plain)
			if c, ok := e.(io.Closer); ok {
				if err := c.Close(); err != nil {
					t.Fatalf("close: %v", err)
				}
			}
		})
	}
}

func testSize(t *testing.T, e nbdsrv.Export, plain []byte) {
	if e.Size() != int64(len(plain)) {
		t.Fatalf("size %d, want %d", e.Size(), len(plain))
	}
}

func testRandomReads(t *testing.T, e nbdsrv.Export, plain []byte) {
	rnd := rand.New(rand.NewPCG(1, uint64(len(plain))))
	for range 500 {
		checkRandom(t, e, plain, rnd)
	}
}

func testConcurrent(t *testing.T, e nbdsrv.Export, plain []byte) {
	done := make(chan struct{})
	for worker := range uint64(4) {
		go func() {
			defer func() { done <- struct{}{} }()
			rnd := rand.New(rand.NewPCG(2, worker))
			for range 100 {
				checkRandom(t, e, plain, rnd)
			}
		}()
	}
	for range 4 {
		<-done
	}
}

// checkRandom reads a random range: mostly short, as wrong offsets inside a block hide in long ones, and sometimes long.
func checkRandom(t *testing.T, e nbdsrv.Export, plain []byte, rnd *rand.Rand) {
	if len(plain) == 0 {
		return
	}
	off := rnd.IntN(len(plain))
	longest := min(len(plain)-off, 9000)
	if rnd.IntN(10) == 0 {
		longest = min(len(plain)-off, 1<<20)
	}
	checkRead(t, e, plain, int64(off), 1+rnd.IntN(longest))
}

// checkRead reads n bytes at off by the rules of io.ReaderAt.
func checkRead(t *testing.T, e nbdsrv.Export, plain []byte, off int64, n int) {
	t.Helper()
	p := bytes.Repeat([]byte{0xa5}, n)
	want := []byte(nil)
	if off < int64(len(plain)) {
		want = plain[off:min(off+int64(n), int64(len(plain)))]
	}
	got, err := e.ReadAt(p, off)
	atEnd := off+int64(n) == int64(len(plain))
	switch {
	case got != len(want):
		t.Errorf("read %d bytes at %d: %d read (%v), want %d", n, off, got, err, len(want))
	case !bytes.Equal(p[:got], want):
		t.Errorf("read %d bytes at %d: wrong bytes", n, off)
	case got < n && !errors.Is(err, io.EOF):
		t.Errorf("read %d bytes at %d: %d read, error %v, want io.EOF", n, off, got, err)
	case got == n && err != nil && !(atEnd && errors.Is(err, io.EOF)):
		t.Errorf("read %d bytes at %d: %v", n, off, err)
	}
}

// testEdges reads at the places where blocks of common sizes meet, at the ends and behind them.
func testEdges(t *testing.T, e nbdsrv.Export, plain []byte) {
	size := int64(len(plain))
	checkRead(t, e, plain, 0, int(min(size+1, 1<<20)))
	for _, edge := range []int64{0, 512, 4096, 64 << 10, 256 << 10, 1 << 20, 16 << 20, size} {
		for _, n := range []int{1, 2, 511, 512, 4096} {
			for _, off := range []int64{edge - int64(n), edge - 1, edge, edge + 1} {
				if off >= 0 {
					checkRead(t, e, plain, off, n)
				}
			}
		}
	}
	if _, err := e.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("read at -1: no error")
	}
}

// testExtents walks over all extents: they cover the disk, and what they call holes is zero.
func testExtents(t *testing.T, e nbdsrv.Export, plain []byte) {
	for off := int64(0); off < int64(len(plain)); {
		off += checkExtent(t, e, plain, off)
	}
}

// testExtentsFromAnywhere starts inside extents.
func testExtentsFromAnywhere(t *testing.T, e nbdsrv.Export, plain []byte) {
	rnd := rand.New(rand.NewPCG(3, uint64(len(plain))))
	for range 200 {
		if len(plain) > 0 {
			checkExtent(t, e, plain, rnd.Int64N(int64(len(plain))))
		}
	}
}

// checkExtent checks the extent at off and gives its length.
func checkExtent(t *testing.T, e nbdsrv.Export, plain []byte, off int64) int64 {
	t.Helper()
	n, data, err := e.Extent(off)
	if err != nil {
		t.Fatalf("extent at %d: %v", off, err)
	}
	if n <= 0 || n > int64(len(plain))-off {
		t.Fatalf("extent at %d: %d bytes of a disk of %d", off, n, len(plain))
	}
	if !data && !zero(plain[off:off+n]) {
		t.Fatalf("extent at %d: a hole of %d bytes holds data", off, n)
	}
	return n
}

func zero(p []byte) bool {
	for len(p) > 0 {
		n := min(len(p), len(zeros))
		if !bytes.Equal(p[:n], zeros[:n]) {
			return false
		}
		p = p[n:]
	}
	return true
}

var zeros [64 << 10]byte
