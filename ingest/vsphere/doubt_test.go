package vsphere_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	hyper "vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/spec"
	"vbfs/hyper/vsphere/vspheretest"
	"vbfs/index/indextest"
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

// What cannot be captured is told with the reason, before there is a snapshot.
func TestUnfit(t *testing.T) {
	t.Parallel()
	h := vsim.Start(t, vsim.Options{})
	one := []vsim.Disk{{Size: mib}}
	for _, c := range []struct {
		name string
		spec vsim.Spec
		deny []string
		do   func(*vsim.Machine)
		want string
	}{
		{"shared", vsim.Spec{SharedBus: true, Disks: one}, nil, nil, "shared with other machines"},
		{"snapshot", vsim.Spec{Disks: one}, []string{"VirtualMachine.State.CreateSnapshot"}, nil, "VirtualMachine.State.CreateSnapshot"},
		{"files", vsim.Spec{Disks: one}, []string{"Datastore.Browse"}, nil, "Datastore.Browse"},
		{"changes", vsim.Spec{Disks: one, CBT: true}, []string{"VirtualMachine.Provisioning.DiskRandomRead"}, nil, "VirtualMachine.Provisioning.DiskRandomRead"},
		{"template", vsim.Spec{Disks: one, Off: true}, nil, (*vsim.Machine).MarkAsTemplate, "it is a template"},
		{"half made", vsim.Spec{Disks: one, Off: true, ExtraConfig: map[string]string{spec.Unfinished: "{}"}}, nil, nil, "a restore that makes it"},
		{"half written", vsim.Spec{Disks: one, Off: true, ExtraConfig: map[string]string{spec.Restoring: "{}"}}, nil, nil, "a restore over it"},
		{"merge", vsim.Spec{Disks: one}, nil, (*vsim.Machine).LeaveDeltas, "its disks need consolidation"},
		{"older", vsim.Spec{Disks: one}, nil, func(m *vsim.Machine) { m.Snapshot("mine") }, "older snapshots"},
		{"sparse", vsim.Spec{Disks: []vsim.Disk{{Size: mib, Kind: "sesparse"}}}, nil, nil, "SeSparse"},
		{"raw", vsim.Spec{Disks: []vsim.Disk{{Size: mib, Kind: "rdmv"}}}, nil, nil, "RawDiskMappingVer1"},
		{"physical", vsim.Spec{Disks: []vsim.Disk{{Size: mib, Kind: "rdm"}}}, nil, nil, "no disk that a snapshot holds"},
		{"independent", vsim.Spec{Disks: []vsim.Disk{{Size: mib, Mode: "independent_persistent"}}}, nil, nil, "no disk that a snapshot holds"},
	} {
		h.Allow()
		c.spec.Name = c.name
		h.Deny(c.deny...)
		l := &lab{t: t, h: h, m: h.Add(c.spec), conn: vspheretest.Login(t, h), repo: indextest.Plain(t), o: vsphere.Options{Transport: vsphere.HTTPS, State: t.TempDir()}}
		if c.do != nil {
			c.do(l.m)
		}
		had := l.m.Snapshots()
		if p, err := l.run(ingest.Auto); p != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		f, err := l.forecast()
		if err != nil || len(f.Hinders) == 0 || !strings.Contains(errors.Join(f.Hinders...).Error(), c.want) {
			t.Errorf("%s: foretold: %+v, %v", c.name, f, err)
		}
		if n := l.m.Snapshots(); n != had {
			t.Errorf("%s: %d snapshots", c.name, n)
		}
	}
	if n := h.Counts().Calls["CreateSnapshot_Task"]; n != 0 {
		t.Errorf("%d snapshots were made", n)
	}
}

// Tracking that cannot be had is no reason to make no point.
func TestNoTracking(t *testing.T) {
	t.Parallel()
	l := newLab(t, vsim.Options{}, vsim.Spec{Disks: []vsim.Disk{{Size: mib, Content: noise(4, mib)}}}, vsphere.Options{Transport: vsphere.HTTPS, EnableCBT: true})
	l.m.NeverCBT()
	f, err := l.forecast()
	if err != nil || f.Hinders != nil || !strings.Contains(f.Tracking, "cannot be had") {
		t.Errorf("%+v, %v", f, err)
	}
	p := l.capture(ingest.Auto)
	if !strings.Contains(strings.Join(p.Warnings, ""), "was not switched on") || p.Disks[0].Tracking != "" {
		t.Errorf("%q", p.Warnings)
	}
}

// What is foretold is what is done then: by which transport, what of a disk, and how much.
func TestForecast(t *testing.T) {
	t.Parallel()
	l := newLab(t, vsim.Options{}, vsim.Spec{Folder: "a", CBT: true, Disks: []vsim.Disk{
		{Size: 4 * mib, Content: noise(5, mib)}, {Size: mib, Kind: "sesparse"}, {Size: mib, Mode: "independent_persistent", Datastore: "slow disks 7%"},
	}}, vsphere.Options{Quiesce: true, VDDK: hyper.VDDKOptions{Plugin: "/nowhere/vddk.so"}})
	foretold := func() *vsphere.Forecast {
		t.Helper()
		f, err := l.forecast()
		if err != nil || f.Hinders != nil || f.Path != l.m.Path() || f.Host != l.m.Host() || len(f.Disks) != 3 {
			t.Fatalf("%+v, %v", f, err)
		}
		return f
	}
	f := foretold()
	a, b, c := f.Disks[0], f.Disks[1], f.Disks[2]
	if a.Transport != "https" || !a.Known || a.Read != 4*mib || a.Datastore != "fast" || a.Source == "" || a.Changes ||
		b.Transport != "nfc" || b.Known || c.Skip == "" || c.Datastore != "slow disks 7%" || f.Consistency != ingest.Crash || f.Tracking != "on" {
		t.Errorf("%+v", f)
	}
	p := l.capture(ingest.Auto)
	for i, by := range []string{"https", "nfc"} {
		if !strings.HasSuffix(p.Disks[i].Source, by) {
			t.Errorf("%s: %s", p.Disks[i].Name, p.Disks[i].Source)
		}
	}
	if f = foretold(); !f.Disks[0].Changes || f.Disks[0].Known || f.Disks[1].Changes || f.Disks[1].Fallback == "" {
		t.Errorf("an increment of a machine that runs: %+v", f)
	}
	l.m.Write("scsi0-0", mib, noise(6, mib))
	l.m.PowerOff()
	if f = foretold(); !f.Disks[0].Changes || !f.Disks[0].Known {
		t.Errorf("an increment of one that is off: %+v", f)
	}
	if p := l.capture(ingest.Auto); p.Disks[0].Read != f.Disks[0].Read || p.Disks[1].Fallback == "" {
		t.Errorf("%d bytes were foretold, %d read", f.Disks[0].Read, p.Disks[0].Read)
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
