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
	"testing"
	"time"

	"vbfs/index/format"
	"vbfs/index/indextest"
	"vbfs/ingest"
)

// Another tool's checkpoints, and another repository's, are left alone; each counts from its own.
func TestOthersCheckpoints(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.dom.Write("vda", 1, 0, 1*mib)
	b.take("auto")
	b.dom.Virsh("checkpoint-create-as", "--name", "theirs")
	c := *b
	c.repo, c.o.State = indextest.Plain(t), t.TempDir()
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
