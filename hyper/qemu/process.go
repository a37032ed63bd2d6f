package qemu

import (
	"errors"
	"os/exec"
	"runtime"
	"syscall"
)

// A process is a child that does not outlive this process.
type process struct {
	cmd    *exec.Cmd
	stderr *tail
	ended  chan struct{} // closed when it is gone; the fields below are set by then
	err    error
}

// errEndedWell is the failure of a process that exited with 0, which a server that is not told to never does.
var errEndedWell = errors.New("ended by itself")

// startProcess starts a command that gets a signal when this process is gone. The goroutine that waits for it holds the thread that
// started it: the kernel sends Pdeathsig when that thread ends, not the process, prctl(2).
func startProcess(cmd *exec.Cmd, orphaned syscall.Signal) (*process, error) {
	p := &process{cmd: cmd, stderr: &tail{}, ended: make(chan struct{})}
	cmd.Stderr = p.stderr
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
			close(p.ended)
		}
	}()
	return p, <-started
}

func (p *process) signal(sig syscall.Signal) { p.cmd.Process.Signal(sig) } // one that is gone needs none

func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// failure is how a process that is gone ended, with what it said last.
func (p *process) failure() error {
	if p.err == nil {
		return toolError(errEndedWell, p.stderr.bytes)
	}
	return toolError(p.err, p.stderr.bytes)
}

// A tail keeps the last bytes written to it.
type tail struct{ bytes []byte }

const tailSize = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.bytes = append(t.bytes, p...)
	if extra := len(t.bytes) - tailSize; extra > 0 {
		t.bytes = append(t.bytes[:0], t.bytes[extra:]...)
	}
	return len(p), nil
}
