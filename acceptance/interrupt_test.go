package acceptance

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestInterrupted interrupts captures and restores at random moments, also while they connect: they end soon, and clean
// up.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	r, dir := initialize(t, "--no-encryption"), t.TempDir()
	v := newVictim(t, r, "interrupted", 64*mib)
	v.change(t, 0, 60*mib)
	v.backup(t)
	image := filepath.Join(t.TempDir(), "image.qcow2")
	tool(t, "qemu-img", "convert", "-O", "qcow2", v.path, image)
	socket := filepath.Join(socketDir(t), "q")
	s := serverOf(t, exec.Command("qemu-nbd", "-r", "-t", "-e", "64", "-f", "raw", "-k", socket, v.path))
	eventually(t, "qemu-nbd listens", func() bool { s.running(t); return listens(socket) })
	w := newWorld(t, r, dir)
	rnd := rand.New(rand.NewPCG(*seed, 6))
	called := 0
	for i := range 24 {
		args := [][]string{
			{"backup", "--machine", "nbd", "--level", "full", "--limit-rate", "100M", unixURI(socket, "")},
			{"backup", "--machine", "image", "--level", "full", "--limit-rate", "100M", image},
			{"restore", v.past[0].export(), filepath.Join(dir, "back.raw")},
			{"restore", v.past[0].export(), filepath.Join(dir, "back.qcow2")},
		}[i%4]
		after := 15*time.Millisecond + time.Duration(rnd.Int64N(int64(200*time.Millisecond)))
		before := w.state(t)
		if !r.interrupt(t, after, args...) {
			if args[0] == "restore" {
				check(t, os.Remove(args[len(args)-1]))
			}
			continue
		}
		called++
		if now := w.state(t); now != before {
			t.Errorf("%q, interrupted after %v, changes the world from\n%s\nto\n%s", args, after, before, now)
		}
	}
	if called < 8 {
		t.Errorf("only %d of 24 were interrupted", called)
	}
	r.whole(t)
}

// interrupt runs a program and interrupts it after a while. It tells whether that was not too late.
func (r *repository) interrupt(t *testing.T, after time.Duration, args ...string) bool {
	t.Helper()
	cmd := r.command("vbackup", args...)
	s := serverOf(t, cmd)
	time.Sleep(after)
	err := cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-s.ended:
	case <-time.After(60 * time.Second):
		t.Fatalf("vbackup %q does not end within 15 s of SIGINT at %v", args, after)
	}
	code := cmd.ProcessState.ExitCode()
	if errors.Is(err, os.ErrProcessDone) || code == 0 {
		return false
	}
	killed := cmd.ProcessState.Sys().(syscall.WaitStatus) // by the signal, when it was not yet at the point of catching it
	if code != 130 && !(killed.Signaled() && killed.Signal() == syscall.SIGINT) {
		t.Errorf("vbackup %q, interrupted after %v, ended with %v: %s", args, after, cmd.ProcessState, s.said.String())
	}
	return true
}
