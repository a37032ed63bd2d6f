//go:build cgo && !nolibnbd

package libvirt

import (
	"errors"
	"strings"
	"testing"
	"time"

	"vbfs/index/format"
	"vbfs/ingest"
	"vbfs/testdata/lab"
)

// A running guest is frozen for the instant, or paused, or taken as it is, and goes on in any case.
func TestGuest(t *testing.T) {
	t.Parallel()
	b := benchOn(t, lab.Start(t), lab.Spec{Guest: true, Agent: true, Disks: []lab.Disk{{Target: "vda", Size: 16 * mib, Ext4: true}}})
	capture := func(name string, o Options, want string) *format.Manifest {
		t.Helper()
		o.Scratch, o.State = b.o.Scratch, b.o.State
		b.o = o
		b.dom.Run("echo " + name + " >/mnt/vda/" + name + "; sync")
		m, err := b.run("auto")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return nil
		}
		if m.Consistency != want {
			t.Errorf("%s: %s, not %s: %q", name, m.Consistency, want, m.Warnings)
		}
		if !strings.Contains(string(stored(t, b.repo, m, "vda")), name) {
			t.Errorf("%s: what the guest wrote is not in the point", name)
		}
		if d := m.Disks[0]; m.Done != "full" && d.Fallback != "" {
			t.Errorf("%s: %+v", name, d)
		}
		b.dom.Run("echo on >/mnt/vda/on; sync") // blocks for ever in a frozen guest
		b.clean()
		return m
	}
	capture("all", Options{}, ingest.Filesystem)
	capture("one", Options{Freeze: []string{"/mnt/vda"}, Consistency: ingest.Filesystem}, ingest.Filesystem)
	capture("paused", Options{Pause: true}, ingest.Crash)
	b.o.Consistency, b.o.Pause = ingest.Application, false
	if m, err := b.run("auto"); m != nil || !errors.Is(err, ErrConsistency) {
		t.Errorf("%+v %v", m, err)
	}
	b.clean()
	b.o.Consistency = ""
	b.leaveFrozen()
	if m, err := b.run("auto"); err != nil || m.Consistency != ingest.Filesystem || !strings.Contains(strings.Join(m.Warnings, "\n"), "it was thawed") {
		t.Errorf("%+v %v", m, err)
	}
	b.dom.Virsh("domfsfreeze") // somebody else's
	if m, err := b.run("auto"); err != nil || m.Consistency != ingest.Crash || !strings.Contains(strings.Join(m.Warnings, "\n"), "not frozen") {
		t.Errorf("%+v %v", m, err)
	}
	b.dom.Run("(echo x >/mnt/vda/x; echo >/wrote) >/dev/null 2>&1 &")
	if out := b.dom.Run("sleep 1; cat /wrote 2>/dev/null || echo frozen"); out != "frozen" {
		t.Error("what somebody else froze was thawed")
	}
	b.dom.Virsh("domfsthaw")
	b.dom.Run("killall -STOP qemu-ga")
	if m := capture("stopped", Options{}, ingest.Crash); m != nil && !strings.Contains(strings.Join(m.Warnings, "\n"), "not responding") {
		t.Errorf("%q", m.Warnings)
	}
	b.dom.Run("killall -KILL qemu-ga; sleep 1")
	if m := capture("none", Options{}, ingest.Crash); m != nil && len(m.Warnings) > 0 {
		t.Errorf("%q", m.Warnings)
	}
	b.o.Consistency = ingest.Filesystem
	if _, err := b.run("auto"); !errors.Is(err, ErrConsistency) || !strings.Contains(err.Error(), "qemu-guest-agent") {
		t.Errorf("%v", err)
	}
}

// leaveFrozen leaves the guest frozen, as a run does that is killed then.
func (b *bench) leaveFrozen() {
	b.t.Helper()
	dom, err := b.conn.Domain(b.t.Context(), b.dom.Name)
	must(b.t, err)
	memory, err := remember(b.o.State, dom.UUID())
	must(b.t, err)
	must(b.t, memory.write(frozenBy(dom)))
	_, err = dom.Freeze(b.t.Context(), nil, 10*time.Second)
	must(b.t, err)
	memory.close()
}

// A guest that writes faster than the free space is watched is stopped by QEMU, and let go on when the job was ended: it does not
// know that anything was.
func TestGuestWithoutRoom(t *testing.T) {
	t.Parallel()
	small := smallScratch(t, "2m") // before the lab, which sees no later one
	b := benchOn(t, lab.Start(t), lab.Spec{Guest: true, Disks: []lab.Disk{{Target: "vda", Size: 48 * mib}}})
	b.dom.Run("yes before | dd of=/dev/vda bs=1M count=40 iflag=fullblock conv=fsync 2>/dev/null")
	b.o.Scratch, b.o.ScratchFree = small, mib
	stopped := false
	b.midway = func() {
		b.dom.Run("(yes after | dd of=/dev/vda bs=1M count=40 iflag=fullblock conv=fsync; echo $? >/status) >/dev/null 2>&1 &")
		for end := time.Now().Add(20 * time.Second); !stopped && time.Now().Before(end); {
			stopped = b.dom.State() == "paused"
		}
		b.noJob()
	}
	if m, err := b.run("auto"); m != nil || !errors.Is(err, ErrScratch) {
		t.Errorf("%+v %v", m, err)
	}
	if !stopped {
		t.Error("the guest was not stopped: nothing is shown")
	}
	if out := b.dom.Run("while ! test -s /status; do sleep 0.1; done; cat /status"); out != "0" {
		t.Errorf("the guest's write failed: %s", out)
	}
	b.noFiles()
}
