package file

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vbfs/ingest"
	"vbfs/ingest/sourcetest"
)

// sample is n bytes in which data and zeros alternate, in runs of 1 to 4 times 64 KiB.
func sample(n int) []byte {
	p := make([]byte, n)
	chunk := sha256.Sum256([]byte("vbfs"))
	for off, length := 0, 64<<10; off < n; off, length = off+2*length, length%(256<<10)+64<<10 {
		for i := off; i < min(off+length, n); i += len(chunk) {
			copy(p[i:], chunk[:])
			chunk = sha256.Sum256(chunk[:])
		}
	}
	return p
}

// write makes a file with a hole for each zero page.
func write(t *testing.T, path string, plain []byte) string {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for off := 0; off < len(plain); off += 4096 {
		page := plain[off:min(off+4096, len(plain))]
		if len(bytes.Trim(page, "\x00")) > 0 {
			_, err = f.WriteAt(page, int64(off))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(int64(len(plain))); err != nil {
		t.Fatal(err)
	}
	return path
}

// toolTime is how long a tool may take: a test that waits for ever does not say for what.
const toolTime = 2 * time.Minute

func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), toolTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err = errors.Join(err, ctx.Err()); err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func open(t *testing.T, path string, opts Options) *Source {
	t.Helper()
	src, err := Open(t.Context(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return src
}

func conform(t *testing.T, name, path, format string, plain []byte) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		sourcetest.Test(t, func(t *testing.T) ingest.Source {
			src := open(t, path, Options{})
			if src.Format() != format {
				t.Fatalf("format %q, not %q", src.Format(), format)
			}
			return src
		}, plain)
	})
}

func TestRaw(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	odd := sample(5<<20 + 77)
	conform(t, "sparse", write(t, filepath.Join(dir, "a.raw"), odd), "raw", odd)
	shm, err := os.MkdirTemp("/dev/shm", "v")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(shm) })
	conform(t, "tmpfs", write(t, filepath.Join(shm, "a b"), odd), "raw", odd)
	hole := make([]byte, 3<<20)
	conform(t, "only a hole", write(t, filepath.Join(dir, "hole"), hole), "raw", hole)
	link := filepath.Join(dir, "link")
	if err := os.Symlink("a.raw", link); err != nil {
		t.Fatal(err)
	}
	conform(t, "link", link, "raw", odd)
}

func TestExtentsOfRaw(t *testing.T) {
	t.Parallel()
	plain := make([]byte, 1<<20)
	copy(plain[256<<10:], bytes.Repeat([]byte{1}, 64<<10))
	src := open(t, write(t, filepath.Join(t.TempDir(), "a"), plain), Options{})
	var got []ingest.Extent
	for e, err := range src.Extents(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	if len(got) != 3 || !got[0].Zero || got[1].Zero || got[1].Len != 64<<10 || !got[2].Zero {
		t.Errorf("%+v", got)
	}
}

func TestBlockDevice(t *testing.T) {
	t.Parallel()
	plain := sample(4 << 20)
	path := write(t, filepath.Join(t.TempDir(), "a"), plain)
	for _, c := range []struct{ sector, want string }{{"512", "512"}, {"4096", "4096"}} {
		device := tool(t, "losetup", "--find", "--show", "--read-only", "--sector-size", c.sector, path)
		t.Cleanup(func() { tool(t, "losetup", "-d", device) })
		conform(t, "loop-"+c.sector, device, "raw", plain)
		src := open(t, device, Options{})
		logical, physical := src.SectorSizes()
		if want := tool(t, "blockdev", "--getss", "--getpbsz", device); want != c.want+"\n"+c.want ||
			logical < 512 || logical != physical || (logical == 4096) != (c.want == "4096") {
			t.Errorf("sectors of %s: %d, %d; blockdev says %q", c.sector, logical, physical, want)
		}
		if yes, how := src.Changed(); yes {
			t.Errorf("changed: %s", how)
		}
		src.Close()
	}
}

func TestShrunk(t *testing.T) {
	t.Parallel()
	path := write(t, filepath.Join(t.TempDir(), "a.raw"), sample(4<<20))
	src := open(t, path, Options{})
	if err := os.Truncate(path, 1<<20); err != nil {
		t.Fatal(err)
	}
	var last error
	for _, err := range src.Extents(t.Context()) {
		last = err
	}
	if !errors.Is(last, ErrShrunk) {
		t.Errorf("extents end with %v", last)
	}
	for _, off := range []int64{1<<20 - 100, 1 << 20, 3 << 20} {
		if n, err := src.ReadAt(make([]byte, 4096), off); n != 0 || !errors.Is(err, ErrShrunk) {
			t.Errorf("read at %d: %d, %v", off, n, err)
		}
	}
	if yes, how := src.Changed(); !yes || !strings.Contains(how, "size was 4194304 bytes and is 1048576") {
		t.Errorf("changed: %v, %q", yes, how)
	}
}

func TestChanged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do  func(path string) error
		how string
	}{
		"nothing": {func(string) error { return nil }, ""},
		"written": {func(path string) error { return os.Chtimes(path, time.Time{}, time.Now().Add(time.Second)) }, "written to"},
		"grown":   {func(path string) error { return os.Truncate(path, 8<<20) }, "size was"},
		"gone":    {os.Remove, "no such file"},
		"replaced": {func(path string) error {
			if err := os.WriteFile(path+"2", nil, 0o600); err != nil {
				return err
			}
			return os.Rename(path+"2", path)
		}, "replaced"},
	} {
		path := write(t, filepath.Join(t.TempDir(), "a.raw"), sample(4<<20))
		src := open(t, path, Options{})
		if err := c.do(path); err != nil {
			t.Fatal(err)
		}
		if yes, how := src.Changed(); yes != (c.how != "") || !strings.Contains(how, c.how) {
			t.Errorf("%s: %v, %q", name, yes, how)
		}
		if src.Size() != 4<<20 {
			t.Errorf("%s: the size became %d", name, src.Size())
		}
	}
}

func TestNotADisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		dir: ErrNotDisk, fifo: ErrNotDisk, "/dev/zero": ErrNotDisk, filepath.Join(dir, "none"): fs.ErrNotExist,
	} {
		if _, err := Open(t.Context(), path, Options{}); !errors.Is(err, want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
