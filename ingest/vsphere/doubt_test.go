package vsphere_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/ingest"
	"vbfs/ingest/vsphere"
	"vbfs/testdata/vsim"
)

// In doubt everything is read, and the point says why; the next increment counts on.
func TestDoubt(t *testing.T) {
	t.Parallel()
	l := newLab(t, vsim.Options{MaxAreas: 3}, twoDisks(3), vsphere.Options{Transport: vsphere.HTTPS})
	rng := rand.New(rand.NewPCG(3, 4))
	l.capture(ingest.Auto)
	step := func(level, why string) {
		t.Helper()
		l.write(rng, 3)
		p := l.capture(level)
		for _, d := range p.Disks {
			wantFallback(t, p, d.Name, why)
		}
	}
	step(ingest.Inc, "")
	l.m.ResetCBT()
	step(ingest.Inc, "begun anew")
	step(ingest.Inc, "")
	l.h.Fail(vsim.Failure{Method: "QueryChangedDiskAreas", Times: 2, Fault: &types.FileFault{File: "[fast] web/x-ctk.vmdk"}})
	step(ingest.Inc, "x-ctk.vmdk")
	step(ingest.Copy, "")
	step(ingest.Diff, "begun anew") // since the full, which is older than the new tracking
	l.m.DisableCBT()
	step(ingest.Inc, "--enable-cbt")
	l.o.EnableCBT = true
	step(ingest.Inc, "begun anew") // counted from the point before it was switched off
	step(ingest.Inc, "")
	l.m.PowerOff()
	step(ingest.Inc, "")
	l.again()
}

// A machine that was reverted has other bytes than its change tracking says, and numbers of marks come again.
func TestReverted(t *testing.T) {
	t.Parallel()
	for _, others := range []int{0, 1, 3} {
		l := newLab(t, vsim.Options{}, twoDisks(5), vsphere.Options{Transport: vsphere.HTTPS})
		rng := rand.New(rand.NewPCG(5, uint64(others)))
		l.capture(ingest.Auto)
		l.write(rng, 3)
		old := l.m.Snapshot("before the update")
		l.write(rng, 3)
		if _, err := l.run(ingest.Inc); err == nil || !strings.Contains(err.Error(), "older snapshots") {
			t.Fatalf("ranges of a machine with snapshots: %v", err)
		}
		l.clean()
		l.m.Revert(old)
		for range others { // other programs' snapshots let the number grow
			l.m.RemoveSnapshot(l.m.Snapshot("x"))
		}
		l.m.RemoveSnapshot(old)
		l.write(rng, 3)
		l.capture(ingest.Inc)
		l.write(rng, 3)
		l.capture(ingest.Inc)
		l.again()
	}
}

// What cannot be captured is told with the reason, and nothing is left behind.
func TestUnfit(t *testing.T) {
	t.Parallel()
	h := vsim.Start(t, vsim.Options{})
	for _, c := range []struct {
		name string
		spec vsim.Spec
		deny []string
		want string
	}{
		{"shared", vsim.Spec{SharedBus: true, Disks: []vsim.Disk{{Size: mib}}}, nil, "shared with other machines"},
		{"snapshot", vsim.Spec{Disks: []vsim.Disk{{Size: mib}}}, []string{"VirtualMachine.State.CreateSnapshot"}, "VirtualMachine.State.CreateSnapshot"},
		{"files", vsim.Spec{Disks: []vsim.Disk{{Size: mib}}}, []string{"Datastore.Browse"}, "Datastore.Browse"},
		{"sparse", vsim.Spec{Disks: []vsim.Disk{{Size: mib, Kind: "sesparse"}}}, nil, "SeSparse"},
		{"raw", vsim.Spec{Disks: []vsim.Disk{{Size: mib, Kind: "rdmv"}}}, nil, "RawDiskMappingVer1"},
		{"independent", vsim.Spec{Disks: []vsim.Disk{{Size: mib, Mode: "independent_persistent"}}}, nil, "no disk is to be captured"},
	} {
		h.Allow()
		c.spec.Name = c.name
		h.Deny(c.deny...)
		l := &lab{t: t, h: h, m: h.Add(c.spec), conn: login(t, h), repo: repository(t), o: vsphere.Options{Transport: vsphere.HTTPS, State: t.TempDir()}}
		if p, err := l.run(ingest.Auto); p != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		l.clean()
	}
}

// A disk that no snapshot holds is left out, and the others are captured.
func TestLeftOut(t *testing.T) {
	t.Parallel()
	l := newLab(t, vsim.Options{}, vsim.Spec{CBT: true, Disks: []vsim.Disk{
		{Size: mib, Content: noise(1, mib)}, {Size: mib, Mode: "independent_persistent"}, {Size: mib, Kind: "rdm"}, {Size: mib, Content: noise(2, mib)},
	}}, vsphere.Options{Transport: vsphere.HTTPS, Skip: func(disk string) string {
		if disk == "scsi0-3" {
			return "excluded"
		}
		return ""
	}})
	p := l.capture(ingest.Auto)
	states := ""
	for _, d := range p.Disks {
		states += d.Name + " " + d.State + ": " + d.Reason + "\n"
	}
	warnings := strings.Join(p.Warnings, "\n")
	if len(p.Disks) != 4 || !p.Complete() || !strings.Contains(states, "scsi0-0 ok") || !strings.Contains(states, "scsi0-1 skipped: it is independent") ||
		!strings.Contains(states, "scsi0-2 skipped: it is a raw device") || !strings.Contains(states, "scsi0-3 skipped: excluded") ||
		!strings.Contains(warnings, "disk scsi0-1") || !strings.Contains(warnings, "disk scsi0-2") || strings.Contains(warnings, "disk scsi0-3") {
		t.Errorf("%s%s", states, warnings)
	}
}

// A machine may be reverted to a snapshot that is older than the point: then the numbers of marks come again, and say nothing.
func TestRevertedBehindThePoint(t *testing.T) {
	t.Parallel()
	l := newLab(t, vsim.Options{}, twoDisks(6), vsphere.Options{Transport: vsphere.NFC})
	rng := rand.New(rand.NewPCG(6, 1))
	l.capture(ingest.Auto)
	old := l.m.Snapshot("before the update")
	l.write(rng, 5)
	l.capture(ingest.Auto) // with the snapshot
	l.m.Revert(old)
	for range 3 {
		l.m.RemoveSnapshot(l.m.Snapshot("x"))
	}
	l.m.RemoveSnapshot(old)
	l.write(rng, 2)
	l.o.Transport = vsphere.HTTPS
	p := l.capture(ingest.Inc)
	for _, d := range p.Disks {
		wantFallback(t, p, d.Name, "reverted")
	}
	l.write(rng, 2)
	p = l.capture(ingest.Inc)
	for _, d := range p.Disks {
		wantFallback(t, p, d.Name, "")
	}
	l.again()
}
