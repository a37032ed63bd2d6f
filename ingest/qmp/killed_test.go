//go:build cgo && !nolibnbd

package qmp

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"vbfs/hyper/qmp"
	"vbfs/index/format"
	"vbfs/index/indextest"
	"vbfs/ingest"
)

const childEnv = "VBFS_TEST_QMP_CHILD"

// TestMain is also the run that tests kill: it does as it is told (monitor, scratch directory and deed), says that it has,
// and waits.
func TestMain(m *testing.M) {
	told := strings.Fields(os.Getenv(childEnv))
	if len(told) == 0 {
		os.Exit(m.Run())
	}
	if err := child(context.Background(), told[0], told[1], told[2]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	select {}
}

func newUUID() (u format.UUID) {
	rand.Read(u[:])
	return u
}

func child(ctx context.Context, monitor, scratch, deed string) error {
	m, err := New(monitor, Options{Scratch: scratch, Pause: deed == "often"})
	if err != nil {
		return err
	}
	w := ingest.Wish{Repository: newUUID(), Point: newUUID(), Level: ingest.Full}
	s := &shot{m: m, w: w, link: &link{m: m}}
	switch deed {
	case "hold":
		return s.take(ctx)
	case "unguarded":
		err := s.take(ctx)
		s.guard.end()
		return err
	case "stop":
		c, err := s.link.client(ctx)
		if err != nil {
			return err
		}
		if s.facts, err = learn(ctx, c); err != nil {
			return err
		}
		s.run = m.newRun(w.Point, s.facts)
		if err := s.run.begin(s.facts.process); err != nil {
			return err
		}
		return s.stopped(ctx, c, func(context.Context, *qmp.Client) error {
			fmt.Println("ready")
			select {}
		})
	}
	for fmt.Println("ready"); ; w.Point = newUUID() {
		shot, err := m.Take(ctx, w)
		if err != nil {
			return err
		}
		if err := errors.Join(shot.Release(ctx), shot.Settle(ctx, nil)); err != nil {
			return err
		}
	}
}

// spawn starts a run that does something, and waits until it has.
func (h *host) spawn(deed string) *exec.Cmd {
	h.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+h.monitor()+" "+h.scratch+" "+deed)
	out, err := cmd.StdoutPipe()
	h.must(err)
	h.must(cmd.Start())
	h.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	defer time.AfterFunc(time.Minute, func() { cmd.Process.Kill() }).Stop()
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "ready\n" {
		h.t.Fatalf("the run to be killed says %q: %v", line, err)
	}
	return cmd
}

func kill(cmd *exec.Cmd) {
	cmd.Process.Kill()
	cmd.Wait()
}

// What a killed run left is undone by the next, which makes its point.
func TestKilledRun(t *testing.T) {
	t.Parallel()
	vda := &image{name: "vda", format: "qcow2", data: make([]byte, 8*mib)}
	y := newHistory(t, vda, &image{name: "vdb", format: "raw", data: make([]byte, 4*mib)})
	run := y.spawn("hold")
	short := y.m.patience()
	short.Greeting = time.Second / 2
	if _, err := qmp.Dial(t.Context(), y.monitor(), short); !errors.Is(err, qmp.ErrBusy) {
		t.Errorf("while another run has the monitor: %v", err)
	}
	kill(run)
	y.write(vda, mib, mib, 7)
	y.point("auto")
	y.clean()
	for i := range 12 {
		run := y.spawn("often")
		time.Sleep(time.Duration(mrand.IntN(150)) * time.Millisecond)
		kill(run)
		y.write(vda, i*100*kib&^511, 64*kib, byte(i))
		p := y.point("inc")
		y.why(p, "vda", "")
		y.why(p, "vdb", "")
		y.clean()
	}
	if got := y.ours("n-vda"); len(got) != 2 {
		t.Errorf("%q", got)
	}
	y.check()
}

// Another run that is alive is not undone, even if it came by another monitor and knows another state directory.
func TestRunUnderWay(t *testing.T) {
	t.Parallel()
	vda := &image{name: "vda", format: "qcow2", data: make([]byte, 8*mib)}
	y := newHistory(t, vda)
	first := y.point("auto")
	run := y.spawn("hold")
	y.c.Close()
	m, err := New(y.dir+"/t", Options{Scratch: t.TempDir()})
	y.must(err)
	if _, err := capture(t, y.repo, m, "auto"); !errors.Is(err, ErrUnderWay) {
		t.Errorf("%v", err)
	}
	kill(run)
	p, err := capture(t, y.repo, m, "auto")
	if err != nil {
		t.Fatal(err)
	}
	y.why(p, "vda", "")
	if got := p.Fact(factProcess); got == "" || got != first.Fact(factProcess) {
		t.Errorf("%q", p.Hypervisor)
	}
	y.c, err = qmp.Dial(t.Context(), y.dir+"/t", qmp.Options{})
	y.must(err)
	y.point("inc") // which finds the killed run's note
	y.clean()
}

// A machine that was stopped by a run goes on with the next, and one that somebody else stopped stays as it is.
func TestKilledWhileStopped(t *testing.T) {
	t.Parallel()
	h := bootingHost(t, false)
	h.start()
	run := h.spawn("stop")
	if s := h.status(); s != qmp.Paused {
		t.Fatalf("the machine is %s", s)
	}
	kill(run)
	repo := indextest.Plain(t)
	if _, err := capture(t, repo, h.machine(Options{}), "auto"); err != nil {
		t.Fatal(err)
	}
	if s := h.status(); s != qmp.Running {
		t.Errorf("the machine is %s", s)
	}
	h.do("stop", nil, nil)
	if _, err := capture(t, repo, h.machine(Options{Pause: true}), "auto"); err != nil {
		t.Fatal(err)
	}
	if s := h.status(); s != qmp.Paused {
		t.Errorf("the machine is %s", s)
	}
	h.clean()
}

// hog fills the scratch directory until a write of the guest fails.
func (h *host) hog() {
	h.t.Helper()
	hog, err := os.Create(h.scratch + "/hog")
	h.must(err)
	for b := make([]byte, 64*kib); err == nil; {
		_, err = hog.Write(b)
	}
	hog.Close()
	for deadline := time.Now().Add(60 * time.Second); h.status() != qmp.IOError; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("the machine is %s", h.status())
		}
	}
	h.must(os.Remove(hog.Name()))
}

// A guest that stopped because its write could not be copied is found, and goes on, although there is room again.
func TestGuardFindsAStoppedGuest(t *testing.T) {
	t.Parallel()
	h := bootingHost(t, false)
	h.start()
	h.tool("mount", "-t", "tmpfs", "-o", "size=6m", "none", h.scratch)
	t.Cleanup(func() { h.tool("umount", h.scratch) })
	m := h.machine(Options{})
	s := &shot{m: m, w: ingest.Wish{Repository: newUUID(), Point: newUUID(), Level: ingest.Full}, link: &link{m: m}}
	h.must(s.take(t.Context()))
	s.guard.end()
	if err := s.harm(t.Context()); err != nil {
		t.Errorf("%v", err)
	}
	h.hog()
	if err := s.harm(t.Context()); err == nil || !strings.Contains(err.Error(), "a write failed") {
		t.Errorf("%v", err)
	}
	h.must(s.undo(t.Context()))
	h.goesOn()
	h.must(s.settle(t.Context(), nil))
	h.clean()
}

// A guest whose writes failed because a scratch directory was full, of a run that could not undo itself any more, goes on and
// has lost nothing.
func TestKilledWithScratchFull(t *testing.T) {
	t.Parallel()
	h := bootingHost(t, false)
	h.start()
	h.tool("mount", "-t", "tmpfs", "-o", "size=6m", "none", h.scratch)
	t.Cleanup(func() { h.tool("umount", h.scratch) })
	run := h.spawn("unguarded")
	h.hog()
	kill(run)
	repo := indextest.Plain(t)
	p, err := capture(t, repo, h.machine(Options{}), "auto")
	if err != nil {
		t.Fatal(err)
	}
	h.goesOn()
	upTo(t, read(t, repo, p, "vda"), read(t, repo, p, "vdb"))
	h.clean()
}

// An NBD server that a killed run left, and somebody else uses by now, is theirs.
func TestServerThatOthersUse(t *testing.T) {
	t.Parallel()
	vda := &image{name: "vda", format: "qcow2", data: make([]byte, 8*mib)}
	y := newHistory(t, vda)
	kill(y.spawn("hold"))
	y.do("blockdev-add", qmp.Args{"driver": "null-co", "node-name": "theirs", "size": mib}, nil)
	y.do("block-export-add", qmp.Args{"type": "nbd", "id": "theirs", "node-name": "theirs"}, nil)
	if _, err := capture(t, y.repo, y.m, "auto"); !errors.Is(err, ErrServer) {
		t.Errorf("%v", err)
	}
	exports, err := y.c.Exports(t.Context())
	if err != nil || len(exports) != 1 || exports[0].ID != "theirs" {
		t.Errorf("%+v, %v", exports, err)
	}
	y.do("nbd-server-stop", nil, nil)
	y.point("auto")
	y.clean()
}
