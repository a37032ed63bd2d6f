//go:build cgo && !nolibnbd

package libvirt

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"vbfs/ingest"
	"vbfs/testdata/lab"
)

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
