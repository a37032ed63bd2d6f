// Package process starts programs that do not outlive this one, and keeps what they say last.
//
//	Start -> thread that starts the program, and waits for it -> Ended
//	            the kernel signals the program when that thread, and so this process, is gone
//	ID: a process, as another one can look later, or elsewhere, whether it is gone
//	Folder -> a program's own directory, which a later process removes when this one was killed
package process

import (
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
)

// A Process is a child that does not outlive this process.
type Process struct {
	Ended <-chan struct{} // closed when it is gone, and all that it said is here

	cmd    *exec.Cmd
	stderr tail
	err    error // set when Ended is closed
}

// Start starts a command that gets the signal orphaned when this process is gone. The goroutine that waits for it holds the thread
// that started it: the kernel sends Pdeathsig when that thread ends, not the process, prctl(2). Of what it says on standard error
// the last keep bytes are kept.
func Start(cmd *exec.Cmd, orphaned syscall.Signal, keep int) (*Process, error) {
	ended := make(chan struct{})
	p := &Process{Ended: ended, cmd: cmd, stderr: tail{keep: keep}}
	cmd.Stderr = &p.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: orphaned,
		Setpgid:   true, // an interrupt from the terminal is for the parent to handle
	}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(ended)
		}
	}()
	return p, <-started
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal. A process that is gone needs none.
func (p *Process) Signal(sig syscall.Signal) { p.cmd.Process.Signal(sig) }

// Kill ends the process, and returns when it is gone.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.Ended
}

// Err tells how a process ended, after Ended: nil is with 0.
func (p *Process) Err() error { return p.err }

// Stderr is the last that the process has said so far.
func (p *Process) Stderr() []byte { return p.stderr.all() }

// A tail keeps the last bytes written to it.
type tail struct {
	keep int

	mu    sync.Mutex
	bytes []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytes = append(t.bytes, p...)
	if extra := len(t.bytes) - t.keep; extra > 0 {
		t.bytes = append(t.bytes[:0], t.bytes[extra:]...)
	}
	return len(p), nil
}

func (t *tail) all() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.bytes)
}
