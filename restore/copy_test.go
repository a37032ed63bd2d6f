package restore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vbfs/restore"
	"vbfs/restore/targettest"
)

// A memory target notes how often each granule came.
type memory struct {
	bytes  []byte
	synced bool
	closed int

	failWrite, failZero, failSync, failClose error
	short                                    bool

	mu    sync.Mutex
	times map[int64]int // by granule
	calls int
}

func newMemory(size int64) *memory {
	return &memory{bytes: bytes.Repeat([]byte{0xff}, int(size)), times: map[int64]int{}}
}

func (m *memory) note(off, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	for at := off; at < off+n; at += restore.Granule {
		m.times[at]++
	}
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	m.note(off, int64(len(p)))
	if m.short {
		return len(p) - 1, nil
	}
	return copy(m.bytes[off:], p), m.failWrite
}

func (m *memory) Zero(off, n int64) error {
	m.note(off, n)
	clear(m.bytes[off : off+n])
	return m.failZero
}

func (m *memory) Sync() error  { m.synced = m.failSync == nil; return m.failSync }
func (m *memory) Close() error { m.closed++; return m.failClose }

func (m *memory) Reread(context.Context) (io.ReaderAt, error) { return bytes.NewReader(m.bytes), nil }

func random(size int64) *targettest.Image {
	return targettest.Random(size, rand.New(rand.NewPCG(uint64(size), 1)))
}

func TestMemory(t *testing.T) {
	targettest.Test(t, func(t *testing.T, size int64) targettest.Place {
		m := newMemory(size)
		return targettest.Place{
			Open:      func(restore.Spec) (restore.Target, error) { return m, nil },
			Read:      func(int64) []byte { return m.bytes },
			Untouched: func() { untouched(t, m) },
		}
	})
}

// An ordered memory wants its ranges one behind the other.
type orderedMemory struct {
	*memory
	at   int64
	busy atomic.Bool
}

func (m *orderedMemory) Ordered() {}

func (m *orderedMemory) follow(off, n int64) error {
	if !m.busy.CompareAndSwap(false, true) {
		return errors.New("two at once")
	}
	defer m.busy.Store(false)
	if off != m.at {
		return fmt.Errorf("%d bytes at %d, after %d", n, off, m.at)
	}
	m.at += n
	return nil
}

func (m *orderedMemory) WriteAt(p []byte, off int64) (int, error) {
	if err := m.follow(off, int64(len(p))); err != nil {
		return 0, err
	}
	return m.memory.WriteAt(p, off)
}

func (m *orderedMemory) Zero(off, n int64) error {
	return errors.Join(m.follow(off, n), m.memory.Zero(off, n))
}

func TestOrdered(t *testing.T) {
	targettest.Test(t, func(t *testing.T, size int64) targettest.Place {
		m := &orderedMemory{memory: newMemory(size)}
		return targettest.Place{
			Open:      func(restore.Spec) (restore.Target, error) { return m, nil },
			Read:      func(int64) []byte { return m.bytes },
			Untouched: func() { untouched(t, m.memory) },
		}
	})
	m := &orderedMemory{memory: newMemory(9 << 20)}
	if err := restore.Copy(t.Context(), random(9<<20), m, restore.Options{Compare: true}); !errors.Is(err, restore.ErrNoReread) {
		t.Errorf("compared: %v", err)
	}
}

func untouched(t *testing.T, m *memory) {
	t.Helper()
	if m.synced || m.closed == 0 {
		t.Fatalf("after a failed restore: synced %v, closed %d times", m.synced, m.closed)
	}
}

func TestEveryByteOnce(t *testing.T) {
	for _, size := range []int64{0, 1, restore.Granule, 500*restore.Granule + 1} {
		for _, workers := range []int{0, 1, 7} {
			img, m := random(size), newMemory(size)
			if err := restore.Copy(t.Context(), img, m, restore.Options{Workers: workers}); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(m.bytes, img.Bytes) {
				t.Fatalf("%d bytes, %d workers: the target differs", size, workers)
			}
			for at := int64(0); at < size; at += restore.Granule {
				if m.times[at] != 1 {
					t.Fatalf("granule at %d came %d times", at, m.times[at])
				}
			}
			if !m.synced || m.closed != 1 {
				t.Fatalf("synced %v, closed %d times", m.synced, m.closed)
			}
		}
	}
}

// TestMerges gives a map of single granules: zeros come as one, data in large chunks.
func TestMerges(t *testing.T) {
	const granules = 256
	for _, data := range []bool{false, true} {
		img := &targettest.Image{Bytes: make([]byte, granules*restore.Granule)}
		for i := range int64(granules) {
			img.Ranges = append(img.Ranges, targettest.Range{Off: i * restore.Granule, Len: restore.Granule, Data: data})
		}
		m := newMemory(img.Size())
		if err := restore.Copy(t.Context(), img, m, restore.Options{}); err != nil {
			t.Fatal(err)
		}
		want := 1
		if data {
			want = 16 // of 1 MiB
		}
		if m.calls != want {
			t.Errorf("data %v: %d calls, not %d", data, m.calls, want)
		}
	}
}

func TestTargetErrors(t *testing.T) {
	broken := errors.New("broken")
	for name, set := range map[string]func(*memory){
		"write": func(m *memory) { m.failWrite = broken },
		"zero":  func(m *memory) { m.failZero = broken },
		"sync":  func(m *memory) { m.failSync = broken },
		"close": func(m *memory) { m.failClose = broken },
		"both":  func(m *memory) { m.failSync, m.failClose = io.ErrClosedPipe, broken },
	} {
		m := newMemory(100 * restore.Granule)
		set(m)
		if err := restore.Copy(t.Context(), random(100*restore.Granule), m, restore.Options{}); !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
		if m.closed != 1 {
			t.Errorf("%s: closed %d times", name, m.closed)
		}
	}
	m := newMemory(restore.Granule)
	m.short = true
	if err := restore.Copy(t.Context(), random(restore.Granule), m, restore.Options{}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a short write: %v", err)
	}
	untouched(t, m)
}

// A lying image answers as its functions do.
type lying struct {
	*targettest.Image
	extent func(off int64) (int64, bool, error)
	read   func(p []byte, off int64) (int, error)
}

func (l lying) Extent(off int64) (int64, bool, error) {
	if l.extent != nil {
		return l.extent(off)
	}
	return l.Image.Extent(off)
}

func (l lying) ReadAt(p []byte, off int64) (int, error) {
	if l.read != nil {
		return l.read(p, off)
	}
	return l.Image.ReadAt(p, off)
}

func TestBrokenImages(t *testing.T) {
	const size = 100 * restore.Granule
	broken := errors.New("the map cannot be read")
	for name, c := range map[string]struct {
		img  lying
		want error
	}{
		"no map": {lying{extent: func(off int64) (int64, bool, error) {
			if off >= size/2 {
				return 0, false, broken
			}
			return size / 2, true, nil
		}}, broken},
		"empty extent":     {lying{extent: func(int64) (int64, bool, error) { return 0, true, nil }}, restore.ErrImage},
		"negative extent":  {lying{extent: func(int64) (int64, bool, error) { return -1, true, nil }}, restore.ErrImage},
		"too long":         {lying{extent: func(int64) (int64, bool, error) { return size + 1, false, nil }}, restore.ErrImage},
		"unaligned":        {lying{extent: func(int64) (int64, bool, error) { return 4096, false, nil }}, restore.ErrImage},
		"short read":       {lying{read: func(p []byte, _ int64) (int, error) { return len(p) - 1, nil }}, io.ErrUnexpectedEOF},
		"short with EOF":   {lying{read: func(p []byte, _ int64) (int, error) { return 0, io.EOF }}, io.ErrUnexpectedEOF},
		"full, and failed": {lying{read: func(p []byte, _ int64) (int, error) { return len(p), broken }}, broken},
	} {
		c.img.Image = random(size)
		m := newMemory(size)
		if err := restore.Copy(t.Context(), c.img, m, restore.Options{}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		untouched(t, m)
		if err := restore.CopyStream(t.Context(), c.img, io.Discard, restore.Options{}); !errors.Is(err, c.want) {
			t.Errorf("%s, to a stream: %v", name, err)
		}
	}
}

func TestStream(t *testing.T) {
	for _, size := range []int64{0, 1, restore.Granule, 500*restore.Granule + 1} {
		img := random(size)
		var out bytes.Buffer
		var progress restore.Progress
		if err := restore.CopyStream(t.Context(), img, &out, restore.Options{Progress: &progress}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes(), img.Bytes) {
			t.Fatalf("%d bytes: the stream differs", size)
		}
		if n := progress.Data.Load() + progress.Zero.Load(); n != size {
			t.Fatalf("progress ends at %d of %d", n, size)
		}
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestStreamErrors(t *testing.T) {
	img := random(500 * restore.Granule)
	left := 20
	err := restore.CopyStream(t.Context(), img, writerFunc(func(p []byte) (int, error) {
		if left--; left < 0 {
			return 0, io.ErrClosedPipe
		}
		return len(p), nil
	}), restore.Options{})
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a pipe that broke: %v", err)
	}
	err = restore.CopyStream(t.Context(), img, writerFunc(func(p []byte) (int, error) { return 0, nil }), restore.Options{})
	if !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a short write: %v", err)
	}
	if err := restore.CopyStream(t.Context(), img, io.Discard, restore.Options{Verify: true}); !errors.Is(err, restore.ErrNoReread) {
		t.Errorf("a stream to be verified: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = restore.CopyStream(ctx, img, writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }), restore.Options{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled stream: %v", err)
	}
}

// TestStreamIsBounded holds the writer: no more may be read ahead than the workers' buffers hold.
func TestStreamIsBounded(t *testing.T) {
	img := random(500 * restore.Granule)
	var mu sync.Mutex
	reads := 0
	img.Fail = func(int64, int64) error {
		mu.Lock()
		defer mu.Unlock()
		reads++
		return nil
	}
	held := false
	err := restore.CopyStream(t.Context(), img, writerFunc(func(p []byte) (int, error) {
		if !held {
			held = true
			time.Sleep(50 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			if reads > 3 {
				t.Errorf("%d chunks were read before the first was written", reads)
			}
		}
		return len(p), nil
	}), restore.Options{Workers: 3})
	if err != nil {
		t.Fatal(err)
	}
}

func TestCancelledBeforeSync(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("interrupted")
	img := random(restore.Granule)
	img.Fail = func(int64, int64) error { cancel(why); return nil }
	m := newMemory(img.Size())
	if err := restore.Copy(ctx, img, m, restore.Options{}); !errors.Is(err, why) {
		t.Errorf("a restore cancelled in its last read ends with %v", err)
	}
	untouched(t, m)
}

func TestVerifyNamesTheByte(t *testing.T) {
	img := random(300 * restore.Granule)
	for _, at := range []int64{0, 12345, img.Size() / 2, img.Size() - 1} {
		stored := bytes.Clone(img.Bytes)
		stored[at] ^= 0x80
		err := restore.Verify(t.Context(), img, bytes.NewReader(stored), restore.Options{})
		if !errors.Is(err, restore.ErrMismatch) || !strings.HasSuffix(err.Error(), fmt.Sprintf(" %d", at)) {
			t.Errorf("byte %d: %v", at, err)
		}
	}
	short := bytes.NewReader(img.Bytes[:img.Size()-1])
	if err := restore.Verify(t.Context(), img, short, restore.Options{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a target that ends early: %v", err)
	}
}

// onlyWrites is a target that cannot be read back.
type onlyWrites struct{ restore.Target }

func TestVerifyNeedsReread(t *testing.T) {
	m := newMemory(restore.Granule)
	err := restore.Copy(t.Context(), random(restore.Granule), onlyWrites{m}, restore.Options{Verify: true})
	if !errors.Is(err, restore.ErrNoReread) || m.calls != 0 {
		t.Errorf("%v, after %d calls", err, m.calls)
	}
	untouched(t, m)
}
