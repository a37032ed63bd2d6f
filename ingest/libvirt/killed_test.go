//go:build cgo && !nolibnbd

package libvirt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vbfs/hyper/libvirt"
	"vbfs/index/format"
	"vbfs/ingest"
	"vbfs/ingest/mark"
)

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
	b.t.Cleanup(h.way.close) // which a killed run leaves where temporary files go
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
		if name == mark.Name(b.repo.ID(), p.Point) {
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
