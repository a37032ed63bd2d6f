package acceptance

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// toolTime is how long a tool may take: a test that waits for ever does not say for what.
const toolTime = 2 * time.Minute

// tool runs a tool to its end and gives what it printed.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), toolTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err = errors.Join(err, ctx.Err()); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// socketDir is a directory whose path leaves room for a socket's name: 108 bytes in all.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "v")
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func unixURI(socket, export string) string {
	return "nbd+unix:///" + url.PathEscape(export) + "?socket=" + socket
}

// eventually waits for what has to come true soon.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func listens(socket string) bool {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// A server is a program that runs until the test ends.
type server struct {
	cmd   *exec.Cmd
	said  bytes.Buffer
	ended chan struct{} // closed when it is gone; said is whole by then
}

func serverOf(t *testing.T, cmd *exec.Cmd) *server {
	t.Helper()
	s := &server{cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &s.said, &s.said
	check(t, cmd.Start())
	go func() {
		cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-s.ended
	})
	return s
}

// running tells whether the server is still there: one that is not will never be ready.
func (s *server) running(t *testing.T) {
	t.Helper()
	select {
	case <-s.ended:
		t.Fatalf("%q ended: %v: %s", s.cmd.Args, s.cmd.ProcessState, s.said.String())
	default:
	}
}

// terminate ends one of our programs as an init system does: it has to end well.
func (s *server) terminate(t *testing.T) {
	t.Helper()
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(60 * time.Second):
		s.cmd.Process.Kill()
		<-s.ended
		t.Errorf("%q does not end", s.cmd.Args)
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("%q ended with %d: %s", s.cmd.Args, code, s.said.String())
	}
}

// serve exports all points until the test ends, and gives the socket.
func (r *repository) serve(t *testing.T, flags ...string) (socket string) {
	t.Helper()
	socket = filepath.Join(socketDir(t), "s")
	s := serverOf(t, r.command("vbfs", append([]string{"serve", "--socket", socket}, flags...)...))
	t.Cleanup(func() { s.terminate(t) })
	eventually(t, "vbfs serve listens", func() bool { s.running(t); return listens(socket) })
	return socket
}

// mount mounts all points until the test ends.
func (r *repository) mount(t *testing.T, flags ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	s := serverOf(t, r.command("vbfs", append([]string{"mount", dir}, flags...)...))
	t.Cleanup(func() {
		s.terminate(t)
		if mounted(t, dir) {
			t.Errorf("%s is still mounted", dir)
			syscall.Unmount(dir, syscall.MNT_DETACH)
		}
	})
	eventually(t, "vbfs mount mounts", func() bool { s.running(t); return mounted(t, dir) })
	return dir
}

func mounted(t *testing.T, dir string) bool {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mounts")
	check(t, err)
	return strings.Contains(string(b), " "+dir+" ")
}
