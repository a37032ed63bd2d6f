//go:build cgo && !nolibnbd

package libvirt

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vbfs/hyper/libvirt"
	"vbfs/index/format"
	"vbfs/ingest"
	"vbfs/testdata/lab"
)

// Another tool's checkpoints, and another repository's, are left alone; each counts from its own.
func TestOthersCheckpoints(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.dom.Write("vda", 1, 0, 1*mib)
	b.take("auto")
	b.dom.Virsh("checkpoint-create-as", "--name", "theirs")
	c := *b
	c.repo, c.o.State = plainRepository(t), t.TempDir()
	b.dom.Write("vda", 2, 64*kib, 64*kib)
	c.take("auto")
	b.dom.Write("vda", 3, 128*kib, 64*kib)
	b.level(b.take("auto"), "inc", 128*kib)
	c.level(c.take("auto"), "inc", 64*kib)
	b.take("full")
	c.level(c.take("auto"), "inc", 0)
	b.level(b.take("auto"), "inc", 0)
	if all := b.checkpoints(); len(all) != 1+len(b.ours())+len(c.ours()) || !strings.Contains(strings.Join(all, " "), "theirs") {
		t.Errorf("%q", all)
	}
}

// A job of somebody else's is not touched.
func TestOthersJob(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	xml := filepath.Join(b.host.Dir, "job.xml")
	must(t, os.WriteFile(xml, fmt.Appendf(nil, `<domainbackup mode="pull"><server transport="unix" socket="%s/other"/></domainbackup>`, b.host.Dir), 0o600))
	b.dom.Virsh("backup-begin", xml)
	if _, err := b.run("auto"); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "/other") {
		t.Errorf("%v", err)
	}
	b.dom.Virsh("backup-dumpxml")
	b.noFiles()
	b.dom.Virsh("domjobabort")
	b.take("auto")
}

// Two runs at once do not mistake each other for dead.
func TestTwoRuns(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.meddle = func(*ingest.Shot) {
		_, err := New(b.conn, b.dom.Name, b.o).Take(t.Context(), ingest.Wish{Repository: b.repo.ID(), Point: format.UUID{1}, Level: ingest.Full})
		if !errors.Is(err, ErrBusy) {
			t.Errorf("%v", err)
		}
	}
	b.take("auto")
}

// die takes the domain as a run does that is killed then.
func (b *bench) die(point byte) {
	b.t.Helper()
	dom, err := b.conn.Domain(b.t.Context(), b.dom.Name)
	must(b.t, err)
	memory, err := remember(b.o.State, dom.UUID())
	must(b.t, err)
	points, err := b.repo.Points(b.t.Context())
	must(b.t, err)
	h := &hold{
		m: New(b.conn, b.dom.Name, b.o), dom: dom, state: libvirt.Paused, memory: memory,
		w: ingest.Wish{Repository: b.repo.ID(), Point: format.UUID{point}, Level: ingest.Full, Points: points},
	}
	must(b.t, h.take(b.t.Context()))
	h.watch.close()
	memory.close()
}

// What a killed run leaves behind, the next one clears, and counts from the same point as if it had not been.
func TestKilledRun(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.dom.Write("vda", 1, 0, 1*mib)
	b.take("auto")
	b.die(1)
	b.dom.Write("vda", 2, 0, 64*kib)
	m := b.take("auto")
	if d := disk(t, m, "vda"); d.Fallback != "" || d.Read != 64*kib || !strings.Contains(strings.Join(m.Warnings, "\n"), "left its backup job running") {
		t.Errorf("%+v, %q", d, m.Warnings)
	}
	b.die(2)
	b.host.KillQEMU(b.dom.Name)
	b.dom.Start()
	b.take("auto")
	b.die(3)
	b.restart()
	b.take("auto")
	for _, name := range b.ours() {
		if !b.known(name) {
			t.Errorf("checkpoint %s is of no point", name)
		}
	}
}

// known tells whether a checkpoint is of a point.
func (b *bench) known(name string) bool {
	b.t.Helper()
	points, err := b.repo.Points(b.t.Context())
	must(b.t, err)
	for _, p := range points {
		if name == mark(b.repo.ID(), p.Point) {
			return true
		}
	}
	return false
}

// A domain that a killed run left paused goes on; one that somebody else paused does not.
func TestLeftPaused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	dom, err := b.conn.Domain(t.Context(), b.dom.Name)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(b.o.State, "libvirt-"+dom.UUID()), []byte(leftPaused), 0o600))
	m, err := b.run("auto")
	must(t, err)
	if state := b.dom.State(); state != "running" || !strings.Contains(strings.Join(m.Warnings, "\n"), "it was resumed") {
		t.Errorf("%s %q", state, m.Warnings)
	}
	b.dom.Virsh("suspend")
	if b.take("auto"); b.dom.State() != "paused" {
		t.Error(b.dom.State())
	}
	b.dom.Virsh("resume")
	b.o.Pause = true
	if _, err = b.run("auto"); err != nil || b.dom.State() != "running" {
		t.Error(b.dom.State(), err)
	}
}

// What happens while the disks are read fails the run, or does not matter; the next run is right either way.
func TestInMidBackup(t *testing.T) {
	t.Parallel()
	host := lab.Start(t)
	for i, c := range []struct {
		name   string
		happen func(b *bench)
		fails  error // nil is that it does not
	}{
		{"libvirtd restarts", func(b *bench) { b.host.Restart() }, nil},
		{"libvirtd is away for a while", func(b *bench) {
			b.host.Do("p=$(cat /run/libvirtd.pid); kill $p; while test -e /proc/$p; do sleep 0.01; done; (sleep 1; libvirtd --daemon) >/dev/null 2>&1 &")
		}, nil},
		{"QEMU is killed", func(b *bench) { b.host.KillQEMU(b.dom.Name) }, ErrEnded},
		{"the job is aborted", func(b *bench) { b.dom.Virsh("domjobabort"); b.noJob() }, ErrEnded},
		{"the domain is destroyed and started", func(b *bench) { b.dom.Virsh("destroy"); b.dom.Start() }, ErrEnded},
	} {
		t.Run(c.name, func(t *testing.T) {
			if i > 1 { // the daemon is there for all
				t.Parallel()
			}
			b := benchOn(t, host, lab.Spec{Name: fmt.Sprint("mid", i)})
			b.dom.Write("vda", 1, 0, 3*mib)
			b.dom.Write("vdb", 2, 0, 1*mib)
			b.midway = func() { c.happen(b) }
			before := b.contents()
			m, err := b.run("auto")
			switch {
			case c.fails == nil && (err != nil || string(stored(t, b.repo, m, "vda")) != string(before["vda"])):
				t.Errorf("%v", err)
			case c.fails != nil && (m != nil || !errors.Is(err, c.fails)):
				t.Errorf("%+v %v", m, err)
			}
			b.noFiles()
			b.midway = nil
			if b.dom.State() == "shut off" {
				b.dom.Start()
			}
			b.take("auto")
			b.level(b.take("auto"), "inc", 0)
		})
	}
}

// noJob waits for the job to be gone.
func (b *bench) noJob() {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := b.host.TryVirsh("backup-dumpxml", b.dom.Name); err != nil {
			return
		}
		if time.Now().After(end) {
			b.t.Fatal("the job does not end")
		}
	}
}

// A job that ended while nothing was read is told by the check at the end.
func TestEndedUnseen(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.meddle = func(s *ingest.Shot) {
		check := s.Check
		s.Check = func(ctx context.Context) error {
			b.dom.Virsh("domjobabort")
			b.noJob()
			return check(ctx)
		}
	}
	if m, err := b.run("auto"); m != nil || !errors.Is(err, ErrEnded) {
		t.Errorf("%+v %v", m, err)
	}
	if b.noFiles(); len(b.ours()) > 0 {
		t.Error(b.ours())
	}
}

// smallScratch is a scratch directory on a file system of its own.
func smallScratch(t *testing.T, size string) string {
	t.Helper()
	dir := scratchDir(t)
	must(t, syscall.Mount("none", dir, "tmpfs", 0, "size="+size))
	t.Cleanup(func() { syscall.Unmount(dir, 0) })
	return dir
}

// A run that would leave the guest without room for its writes ends before, and says so; one that cannot begin says so at once.
func TestScratchFull(t *testing.T) {
	t.Parallel()
	small := smallScratch(t, "8m") // before the lab, which sees no later one
	b := benchOn(t, lab.Start(t), lab.Spec{Disks: []lab.Disk{{Target: "vda", Size: 16 * mib}}})
	b.dom.Write("vda", 1, 0, 16*mib)
	b.o.Scratch = small
	if _, err := b.run("auto"); !errors.Is(err, ErrScratch) || !strings.Contains(err.Error(), "--scratch") {
		t.Errorf("%v", err)
	}
	b.o.ScratchFree = 6 * mib
	b.meddle = func(*ingest.Shot) {
		b.dom.Write("vda", 2, 0, 7*mib)
		b.noJob()
		b.dom.Write("vda", 3, 8*mib, 8*mib)
	}
	if m, err := b.run("auto"); m != nil || !errors.Is(err, ErrScratch) {
		t.Errorf("%+v %v", m, err)
	}
	if b.noFiles(); len(b.ours()) > 0 {
		t.Error(b.ours())
	}
	b.meddle, b.o = nil, Options{Scratch: scratchDir(t)}
	b.take("auto")
}

// Cancelled at whatever moment, a run leaves nothing behind, not even for the next to clear.
func TestCancelled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.o.Pause = true
	b.dom.Write("vda", 1, 0, 3*mib)
	b.take("auto")
	b.dom.Virsh("resume")
	for range 12 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(250))*time.Millisecond)
		m, err := ingest.Run(ctx, b.repo, ingest.Options{Machine: "vm", Source: b})
		cancel()
		if (err == nil) != (m != nil) {
			t.Fatalf("%+v %v", m, err)
		}
		if state := b.dom.State(); state != "running" {
			t.Fatalf("%s after %v", state, err)
		}
		b.clean()
		for _, name := range b.ours() {
			if !b.known(name) {
				t.Fatalf("checkpoint %s is left after %v", name, err)
			}
		}
	}
	b.level(b.take("auto"), "inc", -1)
}

// The scratch directory is QEMU's user's and nobody else's.
func TestPlace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, err := newPlace(dir, "x", true)
	must(t, err)
	must(t, p.make(64055))
	info, err := os.Stat(p.base)
	must(t, err)
	if s := info.Sys().(*syscall.Stat_t); s.Uid != 64055 || info.Mode().Perm() != 0o700 {
		t.Errorf("%d %v", s.Uid, info.Mode())
	}
	if err := p.make(0); !errors.Is(err, os.ErrExist) {
		t.Errorf("taken over: %v", err)
	}
	must(t, p.clear())
	if _, err := newPlace(dir+strings.Repeat("x", 100), "x", true); err == nil || !strings.Contains(err.Error(), "too long for a socket") {
		t.Error(err)
	}
	if n := room([]int64{16 * mib, 0}); n < 16*mib || n > 20*mib {
		t.Errorf("small disks need %d", n)
	}
	if n := room([]int64{100 << 30}); n != 10<<30 {
		t.Errorf("large disks need %d", n)
	}
}
