package nbd_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vbfs/libnbd"
	"vbfs/restore"
	"vbfs/restore/nbd"
	"vbfs/restore/targettest"
)

// start runs a server until the test ends, and returns its URI once its socket answers.
func start(t *testing.T, args func(socket string) []string) (string, *os.Process) {
	t.Helper()
	dir, err := os.MkdirTemp("", "v") // a socket's path has 108 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	var stderr bytes.Buffer
	line := args(socket)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	for late := time.After(20 * time.Second); ; {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return "nbd+unix:///?socket=" + url.QueryEscape(socket), cmd.Process
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case err := <-ended:
			ended <- err
			t.Fatalf("%q: %v: %s", line, err, stderr.String())
		case <-late:
			t.Fatalf("%q does not listen within 20 s", line)
		}
	}
}

func nbdkit(t *testing.T, args ...string) (string, *os.Process) {
	t.Helper()
	return start(t, func(socket string) []string { return append([]string{"nbdkit", "-f", "-U", socket}, args...) })
}

// qemuNBD serves a raw file.
func qemuNBD(t *testing.T, file string, args ...string) string {
	t.Helper()
	uri, _ := start(t, func(socket string) []string {
		return append([]string{"qemu-nbd", "-k", socket, "-t", "-e", "8", "-f", "raw", file}, args...)
	})
	return uri
}

const spare = 1 << 20 // bytes of the export behind the disk

// full makes a file of ones, of whole pages and larger than the disk.
func full(t *testing.T, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, bytes.Repeat([]byte{0xff}, int((size+4095)&^4095)+spare), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func testTarget(t *testing.T, serve func(t *testing.T, file string) string) {
	targettest.Test(t, func(t *testing.T, size int64) targettest.Place {
		file := full(t, size)
		uri := serve(t, file)
		return targettest.Place{
			Open: func(s restore.Spec) (restore.Target, error) {
				return nbd.Open(t.Context(), uri, s, nbd.Options{})
			},
			Read: func(size int64) []byte {
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if rest := b[size:]; bytes.Count(rest, []byte{0xff}) != len(rest) {
					t.Fatal("bytes behind the disk were changed")
				}
				return b[:size]
			},
		}
	})
}

func TestQEMU(t *testing.T) {
	testTarget(t, func(t *testing.T, file string) string { return qemuNBD(t, file) })
}

func TestNBDKit(t *testing.T) {
	for _, c := range []struct{ name, filters, settings string }{
		{"multi-conn", "", ""},
		{"one connection", "--filter=multi-conn", "multi-conn-mode=disable"},
		{"no zero", "--filter=nozero", ""},
		{"4K blocks", "--filter=blocksize-policy", "blocksize-minimum=4096 blocksize-maximum=96K blocksize-error-policy=error"},
		{"4K blocks, no zero", "--filter=nozero --filter=blocksize-policy", "blocksize-minimum=4096 blocksize-error-policy=error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			testTarget(t, func(t *testing.T, file string) string {
				args := append(strings.Fields(c.filters), "file", file)
				uri, _ := nbdkit(t, append(args, strings.Fields(c.settings)...)...)
				return uri
			})
		})
	}
}

// TestLargeZero zeroes more than one request can, of a disk larger than any memory.
func TestLargeZero(t *testing.T) {
	const size = 1 << 40
	uri, _ := nbdkit(t, "memory", "1T")
	img := &holes{size: size, data: []int64{0, size / 2, size - restore.Granule}}
	target, err := nbd.Open(t.Context(), uri, restore.Spec{Size: size}, nbd.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var progress restore.Progress
	if err := restore.Copy(t.Context(), img, target, restore.Options{Progress: &progress}); err != nil {
		t.Fatal(err)
	}
	if n := progress.Zero.Load(); n != size-3*restore.Granule {
		t.Fatalf("%d bytes were zeroed", n)
	}
}

// holes is an image of a granule of ones at each offset of data.
type holes struct {
	size int64
	data []int64
}

func (h *holes) Size() int64 { return h.size }

func (h *holes) ReadAt(p []byte, off int64) (int, error) {
	return copy(p, bytes.Repeat([]byte{1}, len(p))), nil
}

func (h *holes) Extent(off int64) (int64, bool, error) {
	for _, at := range h.data {
		if off < at {
			return at - off, false, nil
		}
		if off < at+restore.Granule {
			return at + restore.Granule - off, true, nil
		}
	}
	return h.size - off, false, nil
}

func TestRefused(t *testing.T) {
	const size = 1 << 20
	file := full(t, size)
	readOnly, _ := nbdkit(t, "-r", "file", file)
	small, _ := nbdkit(t, "memory", "1M")
	noStatus, _ := nbdkit(t, "--no-sr", "memory", "1M")
	for _, c := range []struct {
		name, uri string
		spec      restore.Spec
		want      error
	}{
		{"read-only", readOnly, restore.Spec{Size: size, Overwrite: true}, restore.ErrReadOnly},
		{"too small", small, restore.Spec{Size: size + 1, Overwrite: true}, restore.ErrTooSmall},
		{"holds data", qemuNBD(t, file), restore.Spec{Size: size}, restore.ErrExists},
		{"may hold data", noStatus, restore.Spec{Size: size}, restore.ErrExists},
		{"is empty", small, restore.Spec{Size: size}, nil},
	} {
		target, err := nbd.Open(t.Context(), c.uri, c.spec, nbd.Options{})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err == nil {
			target.Close()
		}
	}
	if _, err := nbd.Open(t.Context(), "nbd+unix:///?socket=/nonexistent", restore.Spec{}, nbd.Options{}); err == nil {
		t.Error("no server, and no error")
	}
}

func open(t *testing.T, uri string, size int64, opts nbd.Options) *nbd.Target {
	t.Helper()
	target, err := nbd.Open(t.Context(), uri, restore.Spec{Size: size, Overwrite: true}, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { target.Close() })
	return target
}

// TestServerErrors has a command of each kind fail.
func TestServerErrors(t *testing.T) {
	img := targettest.Random(300*restore.Granule, rand.New(rand.NewPCG(1, 1)))
	failing := func(settings ...string) []string {
		return append([]string{"--filter=error", "memory", "32M"}, settings...)
	}
	for _, c := range []struct {
		name string
		args []string
		want syscall.Errno
	}{
		{"write", failing("error-pwrite=EIO", "error-pwrite-rate=10%"), syscall.EIO},
		{"full", failing("error-pwrite=ENOSPC", "error-pwrite-rate=10%"), syscall.ENOSPC},
		{"zero", failing("error-zero=EIO", "error-zero-rate=100%"), syscall.EIO},
		{"read", failing("error-pread=EIO", "error-pread-rate=10%"), syscall.EIO},
		{"flush", []string{"eval", "get_size=echo 32M", "pread=false", "pwrite=cat >/dev/null", "zero=true",
			"can_write=true", "can_flush=true", "flush=echo EIO no >&2; exit 1"}, syscall.EIO},
	} {
		t.Run(c.name, func(t *testing.T) {
			uri, _ := nbdkit(t, c.args...)
			verify := restore.Options{Verify: c.name == "read"}
			err := restore.Copy(t.Context(), img, open(t, uri, img.Size(), nbd.Options{}), verify)
			var said *libnbd.LibnbdError
			if !errors.As(err, &said) || said.Errno != c.want {
				t.Fatalf("a restore on a failing server ends with %v", err)
			}
		})
	}
}

func TestServerDies(t *testing.T) {
	uri, server := nbdkit(t, "memory", "32M")
	img := targettest.Random(300*restore.Granule, rand.New(rand.NewPCG(2, 2)))
	img.Fail = func(off, _ int64) error {
		if off > img.Size()/2 {
			server.Kill()
		}
		return nil
	}
	if err := restore.Copy(t.Context(), img, open(t, uri, img.Size(), nbd.Options{}), restore.Options{}); err == nil {
		t.Fatal("a server that died took the restore")
	}
}

func TestServerHangs(t *testing.T) {
	uri, server := nbdkit(t, "memory", "1M")
	target := open(t, uri, 1<<20, nbd.Options{Timeout: 200 * time.Millisecond})
	if err := server.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	_, err := target.WriteAt(make([]byte, 1<<20), 0)
	for end := time.Now().Add(20 * time.Second); err == nil && time.Now().Before(end); { // the signal only asks
		_, err = target.WriteAt(make([]byte, 1<<20), 0)
	}
	if !errors.Is(err, nbd.ErrTimeout) {
		t.Fatalf("a write on a server that hangs ends with %v", err)
	}
}

func TestConnectCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	uri, _ := nbdkit(t, "memory", "1M")
	if _, err := nbd.Open(ctx, uri, restore.Spec{}, nbd.Options{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled connect ends with %v", err)
	}
}

func TestClosed(t *testing.T) {
	uri, _ := nbdkit(t, "memory", "1M")
	target := open(t, uri, 1<<20, nbd.Options{})
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	_, write := target.WriteAt([]byte{1}, 0)
	_, read := target.ReadAt(make([]byte, 1), 0)
	for _, err := range []error{write, read, target.Zero(0, 1), target.Sync()} {
		if !errors.Is(err, nbd.ErrClosed) {
			t.Errorf("a closed target says %v", err)
		}
	}
	if n, err := target.ReadAt(make([]byte, 1), 1<<20+1); n != 0 || err != io.EOF {
		t.Errorf("a read past the end: %d, %v", n, err)
	}
}
