package qcow2

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// write makes an image of a disk as it would come: in ranges of one kind, data in parts of up to 1 MiB.
func write(t *testing.T, disk []byte, isData func(block int) bool) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "image")
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	_, err = f.Seek(ClusterSize, io.SeekStart)
	must(t, err)
	w, err := NewWriter(f, int64(len(disk)))
	must(t, err)
	for off := 0; off < len(disk); {
		end := off + ClusterSize
		for end < len(disk) && isData(end/ClusterSize) == isData(off/ClusterSize) && end%(1<<20) != 0 {
			end += ClusterSize
		}
		end = min(end, len(disk))
		if isData(off / ClusterSize) {
			must(t, w.Data(disk[off:end], int64(off)))
		} else {
			must(t, w.Zero(int64(off), int64(end-off)))
		}
		off = end
	}
	first, length, err := w.End()
	must(t, err)
	if info, err := f.Stat(); err != nil || info.Size() != length && length > ClusterSize {
		t.Errorf("%d bytes, and not %d, %v", info.Size(), length, err)
	}
	_, err = f.WriteAt(first, 0)
	must(t, err)
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v: %s", args, err, out)
	}
	return string(out)
}

// TestWriter has QEMU judge images of all kinds: what is in them, and that they have no mistake.
func TestWriter(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	some := func(odds float64) func(int) bool {
		seed := r.Uint64()
		return func(block int) bool { return rand.New(rand.NewPCG(seed, uint64(block))).Float64() < odds }
	}
	for name, c := range map[string]struct {
		size int
		data func(block int) bool
	}{
		"nothing":       {0, some(0)},
		"a byte":        {1, some(1)},
		"a sector":      {512, some(1)},
		"half":          {5<<20 + 3*512, some(0.5)},
		"odd":           {3<<20 + 777, some(0.5)},
		"empty":         {40 << 20, some(0)},
		"full":          {20<<20 + 65536, some(1)},
		"few":           {64 << 20, some(0.02)},
		"one at an end": {9<<20 + 100, func(block int) bool { return block == 9*16 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := make([]byte, c.size)
			for off := 0; off < len(disk); off += ClusterSize {
				if c.data(off/ClusterSize) && off%(5*ClusterSize) != 0 { // of what is said to be data some is zeros
					fill(disk[off:min(off+ClusterSize, len(disk))], uint64(off))
				}
			}
			holds(t, write(t, disk, c.data), disk)
		})
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func fill(p []byte, seed uint64) {
	r := rand.NewChaCha8([32]byte{byte(seed >> 16), byte(seed >> 24), 1})
	r.Read(p)
}

// holds compares an image with a disk, as QEMU reads it, and as we do, as a whole and at random places.
func holds(t *testing.T, path string, disk []byte) {
	t.Helper()
	if len(disk) > 0 {
		run(t, "qemu-img", "check", "-f", "qcow2", path)
		run(t, "qemu-img", "convert", "-f", "qcow2", "-O", "raw", path, path+".raw")
		got, err := os.ReadFile(path + ".raw")
		must(t, err)
		if len(got) != (len(disk)+511)&^511 || !bytes.Equal(got[:len(disk)], disk) {
			t.Fatalf("QEMU finds %d other bytes", len(got))
		}
	}
	info, err := os.Stat(path)
	must(t, err)
	if most := Size(int64(len(disk)), int64(len(disk))); info.Size() > most || info.Size()%ClusterSize != 0 {
		t.Errorf("the file has %d bytes, of at most %d", info.Size(), most)
	}
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	r, err := Read(f)
	must(t, err)
	for range 50 {
		off := rand.IntN(len(disk) + 1)
		got, want := bytes.Repeat([]byte{0xff}, rand.IntN(3*ClusterSize)), disk[off:]
		n, err := r.ReadAt(got, int64(off))
		want = want[:min(len(want), len(got))]
		if err != nil && !errors.Is(err, io.EOF) || n < len(want) || !bytes.Equal(got[:len(want)], want) {
			t.Fatalf("%d bytes at %d: %d, %v", len(got), off, n, err)
		}
	}
	extents(t, r, disk)
	counted(t, path)
}

// counted counts the clusters that the refcounts say are used: all of the file, and none behind its end, which QEMU does not look at.
func counted(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	ones := 0
	for table := b[binary.BigEndian.Uint64(b[48:]):]; binary.BigEndian.Uint64(table) > 0; table = table[entrySize:] {
		at := binary.BigEndian.Uint64(table)
		ones += bytes.Count(b[at:at+ClusterSize], []byte{1})
	}
	if ones != len(b)/ClusterSize {
		t.Errorf("%d of %d clusters are counted", ones, len(b)/ClusterSize)
	}
}

// extents holds the map against the disk: what is a hole is zeros, and no cluster of zeros is data.
func extents(t *testing.T, r *Reader, disk []byte) {
	t.Helper()
	for off := int64(0); off < r.Size(); {
		n, data, err := r.Extent(off)
		if err != nil || n <= 0 {
			t.Fatalf("extent at %d: %d, %v", off, n, err)
		}
		for at := off; at < min(off+n, int64(len(disk))); at += ClusterSize {
			if zero := len(bytes.Trim(disk[at:min(at+ClusterSize, off+n, int64(len(disk)))], "\x00")) == 0; zero == data {
				t.Fatalf("at %d the map says data: %v", at, data)
			}
		}
		off += n
	}
}

// TestSpans makes an image with many tables of a large disk that is nearly empty.
func TestSpans(t *testing.T) {
	t.Parallel()
	const size = 3<<40 + 512
	path := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	f.Seek(ClusterSize, io.SeekStart)
	w, err := NewWriter(f, size)
	must(t, err)
	want := map[int64][]byte{}
	at := int64(0)
	for _, off := range []int64{l2Span - ClusterSize, 3*l2Span - 2*ClusterSize, 5 * l2Span, 1 << 40, 3<<40 - ClusterSize} {
		b := make([]byte, 4*ClusterSize)
		b = b[:min(int64(len(b)), 3<<40-off)]
		fill(b, uint64(off)>>10)
		want[off] = b
		must(t, w.Zero(at, off-at))
		must(t, w.Data(b, off))
		at = off + int64(len(b))
	}
	must(t, w.Zero(at, size-at))
	first, _, err := w.End()
	must(t, err)
	f.WriteAt(first, 0)
	run(t, "qemu-img", "check", "-f", "qcow2", path)
	r, err := Read(f)
	must(t, err)
	for off, b := range want {
		got := make([]byte, len(b)+2*ClusterSize)
		got = got[:min(int64(len(got)), size-off+ClusterSize)]
		_, err := r.ReadAt(got, off-ClusterSize)
		must(t, err)
		if !bytes.Equal(got[ClusterSize:ClusterSize+len(b)], b) || len(bytes.Trim(got[:ClusterSize], "\x00")) > 0 {
			t.Errorf("at %d is something else", off)
		}
		pattern := filepath.Join(t.TempDir(), "part")
		run(t, "qemu-img", "dd", "-f", "qcow2", "-O", "raw", "if="+path, "of="+pattern, "bs=64k", "skip="+itoa(off/ClusterSize), "count="+itoa(off/ClusterSize+int64(len(b)/ClusterSize)))
		if got, err := os.ReadFile(pattern); err != nil || !bytes.Equal(got, b) {
			t.Errorf("at %d QEMU finds %d other bytes, %v", off, len(got), err)
		}
	}
}

// TestManyRefcounts makes an image whose refcounts take more than one block, of which the last counts itself: 2 GiB of data, thinly.
func TestManyRefcounts(t *testing.T) {
	t.Parallel()
	for _, n := range []int64{refcounts - 3, refcounts - 2, refcounts, 3*refcounts - 1, 1 << 30} {
		blocks, table := counts(n)
		if all := n + blocks + table; blocks*refcounts < all || (blocks-1)*refcounts >= all || table*ClusterSize < blocks*entrySize {
			t.Errorf("%d clusters: %d blocks, table of %d", n, blocks, table)
		}
	}
	path := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	thin := &skipping{f, ClusterSize}
	const size = 2<<30 + 64<<20
	w, err := NewWriter(thin, size)
	must(t, err)
	b := make([]byte, 1<<20)
	for off := range b {
		if off%ClusterSize == 0 {
			b[off] = 1
		}
	}
	for off := int64(0); off < size; off += int64(len(b)) {
		must(t, w.Data(b, off))
	}
	first, _, err := w.End()
	must(t, err)
	f.WriteAt(first, 0)
	run(t, "qemu-img", "check", "-f", "qcow2", path)
	if info, err := f.Stat(); err != nil || info.Size() != Size(size, size) {
		t.Errorf("%d bytes, and not %d, %v", info.Size(), Size(size, size), err)
	}
}

// skipping writes as holes what has zeros, 4 KiB each.
type skipping struct {
	f  *os.File
	at int64
}

func (s *skipping) Write(p []byte) (int, error) {
	for at := 0; at < len(p); at += 4 << 10 {
		if part := p[at:min(at+4<<10, len(p))]; !bytes.Equal(part, zeros[:len(part)]) {
			if _, err := s.f.WriteAt(part, s.at+int64(at)); err != nil {
				return 0, err
			}
		}
	}
	s.at += int64(len(p))
	return len(p), s.f.Truncate(s.at)
}

// TestBrokenOff finds no image in what has no end.
func TestBrokenOff(t *testing.T) {
	t.Parallel()
	disk := make([]byte, 4<<20)
	fill(disk, 9)
	path := write(t, disk, func(int) bool { return true })
	whole, err := os.ReadFile(path)
	must(t, err)
	clear(whole[:ClusterSize])
	if _, err := Read(bytes.NewReader(whole)); !errors.Is(err, ErrBad) {
		t.Errorf("without its first cluster: %v", err)
	}
	must(t, os.WriteFile(path, whole, 0o600))
	if out, err := exec.Command("qemu-img", "check", "-f", "qcow2", path).CombinedOutput(); err == nil {
		t.Errorf("QEMU takes it for an image: %s", out)
	}
}

// TestOrder refuses what does not follow, and an end that comes too early.
func TestOrder(t *testing.T) {
	t.Parallel()
	begun := func() *Writer {
		w, err := NewWriter(io.Discard, 1<<20)
		must(t, err)
		must(t, w.Data(make([]byte, ClusterSize), 0))
		return w
	}
	for name, do := range map[string]func(*Writer) error{
		"a gap":      func(w *Writer) error { return w.Data(make([]byte, ClusterSize), 2*ClusterSize) },
		"again":      func(w *Writer) error { return w.Zero(0, ClusterSize) },
		"behind":     func(w *Writer) error { return w.Zero(ClusterSize, 1<<20) },
		"unaligned":  func(w *Writer) error { return errors.Join(w.Zero(ClusterSize, 100), w.Zero(ClusterSize+100, 100)) },
		"not whole":  func(w *Writer) error { _, _, err := w.End(); return err },
		"negative":   func(w *Writer) error { return w.Zero(ClusterSize, -1) },
		"data again": func(w *Writer) error { return w.Data(make([]byte, ClusterSize), 0) },
	} {
		if err := do(begun()); !errors.Is(err, ErrOrder) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewWriter(io.Discard, maxDisk+1); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

// FuzzRead reads what anybody may have put there, without harm.
func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	b.Write(make([]byte, ClusterSize))
	w, _ := NewWriter(&b, 300<<10)
	w.Data(bytes.Repeat([]byte{7}, 128<<10), 0)
	w.Zero(128<<10, 172<<10)
	first, _, _ := w.End()
	copy(b.Bytes(), first)
	f.Add(b.Bytes()[:200], b.Bytes())
	f.Fuzz(func(t *testing.T, head, whole []byte) {
		image := bytes.Clone(whole)
		copy(image, head)
		r, err := Read(bytes.NewReader(image))
		if err != nil {
			return
		}
		r.ReadAt(make([]byte, 100<<10), r.Size()/2)
		r.Extent(0)
	})
}
