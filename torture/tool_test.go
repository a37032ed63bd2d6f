package torture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// patience is how long anything may take: far more than it does on a machine that is busy.
const patience = 60 * time.Second

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// dice gives random numbers that no other test's and no other turn's are like.
func dice(t *testing.T, turn int) *rand.Rand {
	var key [32]byte
	copy(key[:], fmt.Sprint(*seed, turn, t.Name()))
	return rand.New(rand.NewChaCha8(key))
}

// tell says how to repeat the test, when it failed, and keeps what it failed with.
func tell(t *testing.T, length string, dir string) {
	t.Logf("seed %d", *seed)
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		t.Logf("repeat with: go test ./torture -run '^%s$' -seed %d %s -keep DIR", t.Name(), *seed, length)
		if *keep == "" {
			return
		}
		to := filepath.Join(*keep, t.Name())
		err := errors.Join(os.MkdirAll(*keep, 0o700), tool("cp", "-a", "--sparse=always", dir, to))
		t.Logf("kept: %s (%v)", to, err)
	})
}

// tool runs a tool to its end.
func tool(name string, args ...string) error {
	_, err := toolOut(name, args...)
	return err
}

// toolTime is how long a tool may take: a test that waits for ever does not say for what.
const toolTime = 2 * time.Minute

func toolOut(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), toolTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err = errors.Join(err, ctx.Err()); err != nil {
		return "", fmt.Errorf("%s %q: %w\n%s", name, args, err, out)
	}
	return string(out), nil
}

// tempDir is a directory in memory whose path leaves room for a socket's name.
func tempDir(t *testing.T, size int64) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "v")
	check(t, err)
	check(t, tool("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d", size), "tmpfs", dir))
	t.Cleanup(func() {
		if err := errors.Join(unmount(dir), os.Remove(dir)); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// unmount waits for what a process that was just killed still has open.
func unmount(dir string) error {
	return eventually("unmount "+dir, func() error { return syscall.Unmount(dir, 0) })
}

// eventually waits until something works.
func eventually(what string, try func() error) error {
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		err := try()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("not within %v: %s: %w", patience, what, err)
		}
	}
}

// copyFile copies a file, holes as holes.
func copyFile(to, from string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return err
	}
	dst, err := os.Create(to)
	if err != nil {
		return err
	}
	defer dst.Close()
	if err := dst.Truncate(info.Size()); err != nil {
		return err
	}
	return copyData(dst, src)
}

// seekData and seekHole are lseek(2)'s.
const (
	seekData = 3
	seekHole = 4
)

func copyData(dst, src *os.File) error {
	for end := int64(0); ; {
		off, err := src.Seek(end, seekData)
		if errors.Is(err, syscall.ENXIO) {
			return nil
		}
		if err != nil {
			return err
		}
		if end, err = src.Seek(off, seekHole); err != nil {
			return err
		}
		if _, err := io.Copy(io.NewOffsetWriter(dst, off), io.NewSectionReader(src, off, end-off)); err != nil {
			return err
		}
	}
}

// A server is a program that goes on until it is told to end.
type server struct {
	cmd   *exec.Cmd
	said  bytes.Buffer
	ended chan struct{} // closed when it is gone; said is whole by then
}

func serve(cmd *exec.Cmd) (*server, error) {
	s := &server{cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &s.said, &s.said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		cmd.Wait()
		close(s.ended)
	}()
	return s, nil
}

// ready waits until the server does what it is there for.
func (s *server) ready(try func() error) error {
	gone := false
	err := s.until(func() error {
		select {
		case <-s.ended:
			gone = true
			return nil
		default:
			return try()
		}
	})
	if gone {
		return fmt.Errorf("%q ended: %v: %s", s.cmd.Args, s.cmd.ProcessState, s.said.String())
	}
	return err
}

// until tries until something works. A server that has not come to that by then never will.
func (s *server) until(try func() error) error {
	err := eventually(strings.Join(s.cmd.Args, " "), try)
	if err != nil {
		s.cmd.Process.Kill()
	}
	return err
}

// end ends the server by a signal, and for good when that does not help.
func (s *server) end(by syscall.Signal) error {
	s.cmd.Process.Signal(by)
	return s.wait()
}

func (s *server) wait() error {
	select {
	case <-s.ended:
		return nil
	case <-time.After(patience):
		s.cmd.Process.Kill()
		<-s.ended
		return fmt.Errorf("%q does not end", s.cmd.Args)
	}
}

func listens(socket string) error {
	c, err := net.Dial("unix", socket)
	if err == nil {
		c.Close()
	}
	return err
}

func mounted(dir string) error {
	b, err := os.ReadFile("/proc/self/mounts")
	if err == nil && !strings.Contains(string(b), " "+dir+" ") {
		err = fmt.Errorf("%s is not mounted", dir)
	}
	return err
}
