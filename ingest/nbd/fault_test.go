//go:build cgo && !nolibnbd

package nbd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vbfs/ingest"
)

func TestFailedReadIsAnError(t *testing.T) {
	t.Parallel()
	uri, _ := nbdkit(t, "--filter=error", "pattern", "64M", "error-pread=EIO", "error-rate=30%")
	good, _ := nbdkit(t, "pattern", "64M")
	src, want := open(t, uri, Options{}), open(t, good, Options{})
	var failed, right int
	for off := int64(0); off < src.Size(); off += 256 << 10 {
		got, plain := make([]byte, 512<<10), make([]byte, 512<<10)
		n, err := src.ReadAt(got[:256<<10], off)
		if err != nil {
			failed++
			if n != 0 || !strings.Contains(err.Error(), "Input/output error") || !strings.Contains(err.Error(), uri) {
				t.Fatalf("read at %d: %d, %v", off, n, err)
			}
			continue
		}
		right++
		if _, err := want.ReadAt(plain[:256<<10], off); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("read at %d without an error, and wrong: %v", off, err)
		}
	}
	if failed == 0 || right == 0 {
		t.Fatalf("%d reads failed, %d did not: no test of a mix", failed, right)
	}
}

func TestFailedBlockStatusIsAnError(t *testing.T) {
	t.Parallel()
	uri, _ := nbdkit(t, "--filter=error", "memory", "64M", "error-extents=EIO", "error-extents-rate=100%")
	if err := lastError(open(t, uri, Options{})); err == nil || !strings.Contains(err.Error(), uri) {
		t.Fatalf("extents end with %v", err)
	}
}

func TestServerThatDies(t *testing.T) {
	t.Parallel()
	uri, process := nbdkit(t, "--filter=delay", "pattern", "64M", "delay-read=30")
	src := open(t, uri, Options{})
	time.AfterFunc(200*time.Millisecond, func() { process.Kill() })
	begin := time.Now()
	for range 8 { // under way, then on every connection, then on those that are known to be lost
		if _, err := src.ReadAt(make([]byte, 1<<20), 0); !errors.Is(err, ErrLost) {
			t.Fatalf("a read from a server that died: %v", err)
		}
	}
	if err := lastError(src); !errors.Is(err, ErrLost) {
		t.Fatalf("extents: %v", err)
	}
	if d := time.Since(begin); d > 10*time.Second {
		t.Fatalf("it took %v to notice", d)
	}
}

func TestServerThatHangs(t *testing.T) {
	t.Parallel()
	uri, process := nbdkit(t, "pattern", "64M")
	opts := Options{Timeout: 300 * time.Millisecond, Connections: 1}
	reading, listing := open(t, uri, opts), open(t, uri, opts)
	stop(t, process)
	for range 2 { // the connection is given up by the first, its error kept for the second
		if _, err := reading.ReadAt(make([]byte, 1<<20), 0); !errors.Is(err, ErrTimeout) {
			t.Fatalf("read: %v", err)
		}
	}
	if err := lastError(listing); !errors.Is(err, ErrTimeout) {
		t.Fatalf("extents: %v", err)
	}
}

func TestServerThatNeverGreets(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(socketDir(t), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	uri := unixURI(socket, "")
	if _, err := Open(t.Context(), uri, Options{Timeout: 200 * time.Millisecond}); !errors.Is(err, ErrTimeout) {
		t.Errorf("with a deadline: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx, uri, Options{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a context: %v", err)
	}
}

func TestCancelledExtents(t *testing.T) {
	t.Parallel()
	uri, process := nbdkit(t, "pattern", "64M")
	src := open(t, uri, Options{})
	stop(t, process)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var last error
	for _, err := range src.Extents(ctx) {
		last = err
	}
	if !errors.Is(last, context.DeadlineExceeded) {
		t.Fatalf("extents end with %v", last)
	}
}

func TestCloseEndsReads(t *testing.T) {
	t.Parallel()
	uri, process := nbdkit(t, "pattern", "64M")
	src := open(t, uri, Options{})
	stop(t, process)
	var wg sync.WaitGroup
	for range 6 { // more than there are connections
		wg.Go(func() {
			if _, err := src.ReadAt(make([]byte, 1<<20), 0); !errors.Is(err, ErrClosed) {
				t.Errorf("read: %v", err)
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	src.Close()
	wg.Wait()
	if err := lastError(src); !errors.Is(err, ErrClosed) {
		t.Errorf("extents: %v", err)
	}
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	uri := unixURI(filepath.Join(t.TempDir(), "none"), "")
	if _, err := Open(t.Context(), uri, Options{}); err == nil || !strings.Contains(err.Error(), uri) {
		t.Errorf("no socket: %v", err)
	}
	if _, err := Open(t.Context(), "http://localhost/", Options{}); err == nil {
		t.Error("a URI that is not NBD's is no error")
	}
	file := imageFile(t, sample(1<<20))
	good := qemuNBD(t, "-r", "-f", "raw", "-x", "disk", file)
	if _, err := Open(t.Context(), good, Options{}); err == nil {
		t.Error("an export that does not exist is no error")
	}
}

func TestConnectionsAreClosed(t *testing.T) {
	uri, _ := nbdkit(t, "pattern", "1M")
	open(t, uri, Options{}).Close() // what the library opens once stays
	before := descriptors(t)
	for range 5 {
		src := open(t, uri, Options{})
		src.Close()
		_, err := Open(t.Context(), uri, Options{Bitmaps: []string{"none"}})
		if !errors.Is(err, ErrNoBitmap) {
			t.Fatal(err)
		}
	}
	if after := descriptors(t); after > before {
		t.Fatalf("%d open files before, %d after", before, after)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func lastError(src ingest.Source) (last error) {
	for _, err := range src.Extents(context.Background()) {
		last = err
	}
	return last
}

// TestLaterConnectionFails has a server take the first connection alone: Open is an error, and returns.
func TestLaterConnectionFails(t *testing.T) {
	t.Parallel()
	socket, front := filepath.Join(socketDir(t), "s"), filepath.Join(socketDir(t), "f")
	start(t, socket, "nbdkit", "-f", "-U", socket, "memory", "1M")
	l, err := net.Listen("unix", front)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for first := true; ; first = false {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if !first {
				c.Close()
				continue
			}
			up, err := net.Dial("unix", socket)
			if err != nil {
				c.Close()
				return
			}
			go io.Copy(up, c)
			go io.Copy(c, up)
		}
	}()
	done := make(chan error, 1)
	go func() {
		_, err := Open(t.Context(), unixURI(front, ""), Options{Connections: 3})
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), "connection 2 of 3") {
			t.Errorf("open: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("open does not return")
	}
}
