package vsphere

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
)

// A process is a child that does not outlive this process.
type process struct {
	cmd    *exec.Cmd
	stderr *tail
	ended  chan struct{} // closed when it is gone; err is set by then
	err    error
}

// startProcess starts a command. The goroutine that waits for it holds the thread that started it: the kernel sends the signal of
// PR_SET_PDEATHSIG, which nbdkit asks for, too, when that thread ends, not the process: prctl(2).
func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, stderr: &tail{}, ended: make(chan struct{})}
	cmd.Stderr = p.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGTERM,
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
			close(p.ended)
		}
	}()
	return p, <-started
}

func (p *process) interrupt() { p.cmd.Process.Signal(syscall.SIGTERM) } // one that is gone needs none

func (p *process) kill() {
	p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.ended
}

// failure is how a process that is gone ended, with what it said.
func (p *process) failure() error {
	err := p.err
	if err == nil {
		err = errors.New("it ended by itself")
	}
	if s := said(p.stderr.all()); s != "" {
		return fmt.Errorf("%w: %s", err, s)
	}
	return err
}

// A tail keeps the last bytes written to it.
type tail struct {
	mu    sync.Mutex
	bytes []byte
}

const tailSize = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytes = append(t.bytes, p...)
	if extra := len(t.bytes) - tailSize; extra > 0 {
		t.bytes = append(t.bytes[:0], t.bytes[extra:]...)
	}
	return len(p), nil
}

func (t *tail) all() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.bytes)
}
