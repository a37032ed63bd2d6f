package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

// command is a program that ends with ctx.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// finish runs a program to its end. What it says is the error's, should it fail.
func finish(cmd *exec.Cmd) error {
	var said bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &said
	}
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return failure(cmd, &said, err)
	}
	return nil
}

// output is finish for who wants what the program writes.
func output(cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout = &out
	err := finish(cmd)
	return out.Bytes(), err
}

func failure(cmd *exec.Cmd, said *bytes.Buffer, err error) error {
	text := strings.TrimSpace(said.String())
	return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, text[max(0, len(text)-500):])
}

// timed gives a program's wall time in seconds.
func timed(cmd *exec.Cmd) (float64, error) {
	return seconds(func() error { return finish(cmd) })
}

// resident gives the most memory that a program which has ended held, in bytes. It includes what this process held when
// it started the program, which is why that stays small.
func resident(p *os.ProcessState) int64 {
	return p.SysUsage().(*syscall.Rusage).Maxrss << 10
}

// forgetPeak makes what this process holds little, and the most that it ever held that little: proc(5), /proc/pid/clear_refs. A program
// that it starts begins with that as its own.
func forgetPeak() error {
	debug.FreeOSMemory()
	return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

// A server is a program that runs until it is stopped.
type server struct {
	cmd  *exec.Cmd
	said bytes.Buffer
	done chan struct{} // closed when it has ended
	err  error         // how, once it has
}

// patience is how long a server may take to begin and to end.
const patience = 60 * time.Second

// launch starts a server and returns when it is ready.
func launch(ctx context.Context, cmd *exec.Cmd, ready func() bool) (*server, error) {
	s := &server{cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &s.said, &s.said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process, which stop sees to
		s.err = cmd.Wait()
		close(s.done)
	}()
	for end := time.Now().Add(patience); !ready(); time.Sleep(time.Millisecond) {
		select {
		case <-s.done:
			return nil, failure(cmd, &s.said, errors.Join(s.err, errors.New("ended at once")))
		default:
		}
		if ctx.Err() != nil || time.Now().After(end) {
			return nil, errors.Join(ctx.Err(), fmt.Errorf("%s is never ready", cmd.Path), s.stop())
		}
	}
	return s, nil
}

// stop ends the server. That a signal ended it is no error.
func (s *server) stop() error {
	s.cmd.Process.Signal(os.Interrupt)
	select {
	case <-s.done:
	case <-time.After(patience):
		s.cmd.Process.Kill()
		<-s.done
		return fmt.Errorf("%s did not end", s.cmd.Path)
	}
	return nil
}

// listens tells whether somebody listens on a Unix socket.
func listens(socket string) func() bool {
	return func() bool {
		c, err := net.Dial("unix", socket)
		if err != nil {
			return false
		}
		c.Close()
		return true
	}
}

// exists tells whether there is such a path.
func exists(path string) func() bool {
	return func() bool {
		_, err := os.Stat(path)
		return err == nil
	}
}
