//go:build cgo && !nolibnbd

package nbd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"vbfs/ingest"
)

// socketDir is a directory whose path leaves room for a socket's name: 108 bytes in all.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "v")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func unixURI(socket, export string) string {
	return "nbd+unix:///" + export + "?socket=" + url.QueryEscape(socket)
}

// start runs a server until the test ends, and waits until its socket answers.
func start(t *testing.T, socket, tool string, args ...string) *os.Process {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(tool, args...)
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return cmd.Process
		}
		if time.Now().After(deadline) {
			cmd.Process.Kill()
			cmd.Wait()
			t.Fatalf("%s %q does not listen: %s", tool, args, stderr.String())
		}
	}
}

// nbdkit serves a plugin, and returns its URI.
func nbdkit(t *testing.T, args ...string) (string, *os.Process) {
	t.Helper()
	socket := filepath.Join(socketDir(t), "s")
	process := start(t, socket, "nbdkit", append([]string{"-f", "-U", socket}, args...)...)
	return unixURI(socket, ""), process
}

// qemuNBD serves an image, and returns its URI.
func qemuNBD(t *testing.T, args ...string) string {
	t.Helper()
	socket := filepath.Join(socketDir(t), "s")
	start(t, socket, "qemu-nbd", append([]string{"-k", socket, "-t", "-e", "8"}, args...)...)
	return unixURI(socket, "")
}

func open(t *testing.T, uri string, opts Options) *Source {
	t.Helper()
	src, err := Open(t.Context(), uri, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return src
}

// sample is n bytes in which runs of data and of zeros alternate, of 64 KiB times 1, 2, 3, 4.
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

// imageFile writes bytes to a file that has holes where they are zero.
func imageFile(t *testing.T, plain []byte) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "disk"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(int64(len(plain))); err != nil {
		t.Fatal(err)
	}
	for off := 0; off < len(plain); off += 4096 {
		page := plain[off:min(off+4096, len(plain))]
		if len(bytes.Trim(page, "\x00")) == 0 {
			continue
		}
		if _, err := f.WriteAt(page, int64(off)); err != nil {
			t.Fatal(err)
		}
	}
	return f.Name()
}

// toolTime is how long a tool may take: a test that waits for ever does not say for what.
const toolTime = 2 * time.Minute

// runTool runs a tool to its end.
func runTool(t *testing.T, tool string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), toolTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, tool, args...).CombinedOutput()
	if err = errors.Join(err, ctx.Err()); err != nil {
		t.Fatalf("%s %q: %v: %s", tool, args, err, out)
	}
}

// stop holds a server's every thread; the signal alone only asks for it.
func stop(t *testing.T, p *os.Process) {
	t.Helper()
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); !stopped(t, p.Pid); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the server does not stop")
		}
	}
}

func stopped(t *testing.T, pid int) bool {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) == 0 {
		t.Fatalf("no threads of process %d: %v", pid, err)
	}
	for _, path := range threads {
		stat, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(stat, []byte(") T ")) { // proc(5): the state follows the name
			return false
		}
	}
	return true
}

func collect(t *testing.T, src ingest.Source) (extents []ingest.Extent) {
	t.Helper()
	for e, err := range src.Extents(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		extents = append(extents, e)
	}
	return extents
}

func data(off, n int64) ingest.Extent { return ingest.Extent{Off: off, Len: n} }
func zero(off, n int64) ingest.Extent { return ingest.Extent{Off: off, Len: n, Zero: true} }
