package libvirt

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"vbfs/hyper/libvirt"
	"vbfs/index/format"
	"vbfs/ingest"
	"vbfs/ingest/mark"
)

var repository, basePoint = format.UUID{1}, format.UUID{2}

// situation is a domain with two disks of which nothing stands against an increment.
func situation() (*facts, ingest.Wish) {
	name := mark.Name(repository, basePoint)
	f := &facts{
		uuid: "u", sizes: map[string]int64{"vda": 10, "vdb": 20}, origins: map[string]string{"vda": "/a 1:2", "vdb": "/b 1:3"}, inside: map[string]bool{},
		checkpoints: []libvirt.Checkpoint{{Name: "theirs", Disks: []string{"vda"}}, {Name: name, Created: time.Unix(7, 0), Disks: []string{"vda", "vdb"}}},
	}
	base := &format.Manifest{Point: basePoint, Name: "BASE", Done: ingest.Full, Hypervisor: []string{"libvirt-domain=u", "libvirt-checkpoint-time=7"}}
	for _, target := range []string{"vda", "vdb"} {
		f.disks = append(f.disks, libvirt.Disk{Target: target, Device: "disk", Image: libvirt.Image{Kind: "file", Source: "/" + target[2:], Format: "qcow2"}})
		base.Disks = append(base.Disks, format.Disk{Name: target, State: format.DiskOK, Size: f.sizes[target], Origin: f.origins[target], Tracking: name})
	}
	return f, ingest.Wish{Repository: repository, Point: format.UUID{3}, Level: ingest.Inc, Base: base}
}

// TestPlan changes one thing at a time: each makes the disk that it is about, and no other, be left out or read in full.
func TestPlan(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(f *facts, w *ingest.Wish)
		skip   string // part of why vda is left out
		full   string // part of why vda is read in full
		both   bool   // vdb shares its lot
		mark   bool   // a checkpoint is made of vda
	}{
		{"nothing", func(*facts, *ingest.Wish) {}, "", "", false, true},
		{"full", func(_ *facts, w *ingest.Wish) { w.Level, w.Base = ingest.Full, nil }, "", "-", true, true},
		{"copy", func(_ *facts, w *ingest.Wish) { w.Level, w.Base = ingest.Copy, nil }, "", "-", true, false},
		{"no base", func(_ *facts, w *ingest.Wish) { w.Base = nil }, "", "no complete point has", true, true},
		{"no full base", func(_ *facts, w *ingest.Wish) { w.Base, w.Level = nil, ingest.Diff }, "", "full one", true, true},
		{"another domain", func(f *facts, _ *ingest.Wish) { f.uuid = "v" }, "", "another domain", true, true},
		{"snapshots", func(f *facts, _ *ingest.Wish) { f.snapshots = 1 }, "", "has snapshots", true, false},
		{"checkpoint gone", func(f *facts, _ *ingest.Wish) { f.checkpoints = f.checkpoints[:1] }, "", "not there any more", true, true},
		{"checkpoint anew", func(f *facts, _ *ingest.Wish) { f.checkpoints[1].Created = time.Unix(8, 0) }, "", "another one", true, true},
		{"time not recorded", func(_ *facts, w *ingest.Wish) { w.Base.Hypervisor = w.Base.Hypervisor[:1] }, "", "another one", true, true},
		{"no bitmap", func(f *facts, _ *ingest.Wish) { f.checkpoints[1].Disks = []string{"vdb"} }, "", "no bitmap", false, true},
		{"inside", func(f *facts, _ *ingest.Wish) { f.inside["vda"] = true }, "", "snapshots inside", false, false},
		{"size", func(f *facts, _ *ingest.Wish) { f.sizes["vda"] = 11 }, "", "size changed", false, true},
		{"file", func(f *facts, _ *ingest.Wish) { f.origins["vda"] = "/a 1:4" }, "", "/a 1:4", false, true},
		{"file not told", func(f *facts, w *ingest.Wish) { f.origins["vda"], w.Base.Disks[0].Origin = "", "" }, "", "the disk was", false, true},
		{"new disk", func(_ *facts, w *ingest.Wish) { w.Base.Disks[0].Name = "vdz" }, "", "does not have", false, true},
		{"failed disk", func(_ *facts, w *ingest.Wish) { w.Base.Disks[0].State = format.DiskFailed }, "", "does not have", false, true},
		{"skipped disk", func(_ *facts, w *ingest.Wish) { w.Base.Disks[0].State = format.DiskSkipped }, "", "does not have", false, true},
		{"not marked", func(_ *facts, w *ingest.Wish) { w.Base.Disks[0].Tracking = "" }, "", "no checkpoint was made", false, true},
		{"older mark", func(_ *facts, w *ingest.Wish) { w.Base.Disks[0].Tracking = mark.Name(repository, format.UUID{9}) }, "", "no checkpoint", false, true},
		{"other's mark", func(_ *facts, w *ingest.Wish) { w.Base.Disks[0].Tracking = mark.Name(format.UUID{8}, basePoint) }, "", "no checkpoint", false, true},
		{"raw", func(f *facts, _ *ingest.Wish) { f.disks[0].Format = "raw" }, "", "format raw", false, false},
		{"read-only", func(f *facts, _ *ingest.Wish) { f.disks[0].ReadOnly = true }, "read-only", "", false, false},
		{"shareable", func(f *facts, _ *ingest.Wish) { f.disks[0].Shareable = true }, "shareable", "", false, false},
		{"transient", func(f *facts, _ *ingest.Wish) { f.disks[0].Transient = true }, "transient", "", false, false},
		{"floppy", func(f *facts, _ *ingest.Wish) { f.disks[0].Device = "floppy" }, "floppy", "", false, false},
		{"lun", func(f *facts, _ *ingest.Wish) { f.disks[0].Device = "lun" }, "lun", "", false, false},
		{"CD-ROM", func(f *facts, _ *ingest.Wish) { f.disks[0].Device = "cdrom" }, "CD-ROM", "", false, false},
		{"empty", func(f *facts, _ *ingest.Wish) { f.disks[0].Image = libvirt.Image{} }, "empty", "", false, false},
		{"vhost-user", func(f *facts, _ *ingest.Wish) { f.disks[0].Kind = "vhostuser" }, "vhostuser", "", false, false},
	} {
		f, w := situation()
		c.change(f, &w)
		got := plan(f, w, nil)
		a, b := got[0], got[1]
		if !says(a.skip, c.skip) || c.full == "-" && (a.since != "" || a.fallback != "") || c.full != "-" && !says(a.fallback, c.full) || a.mark != c.mark {
			t.Errorf("%s: vda %+v", c.name, a)
		}
		if a.skip == "" && (a.since == "") != (c.full != "") || a.since != "" && a.since != mark.Name(repository, basePoint) {
			t.Errorf("%s: vda counts from %q", c.name, a.since)
		}
		if (b.since == "") != c.both || b.skip != "" {
			t.Errorf("%s: vdb %+v", c.name, b)
		}
	}
}

// says tells whether a reason has part in it, and is none when part is none.
func says(reason, part string) bool {
	return (reason == "") == (part == "") && strings.Contains(reason, part)
}

func TestPlanSkips(t *testing.T) {
	t.Parallel()
	f, w := situation()
	got := plan(f, w, func(disk string) string { return map[string]string{"vdb": "not wanted"}[disk] })
	if got[0].skip != "" || got[1].skip != "not wanted" || got[1].mark || got[1].since != "" {
		t.Errorf("%+v", got)
	}
}

// Of a job that is refused, ever less is asked: of the disk that is named first, of all then, until there is nothing left.
func TestRetreat(t *testing.T) {
	t.Parallel()
	f, w := situation()
	p := plan(f, w, nil)
	state := func() (s string) {
		for _, d := range p {
			s += fmt.Sprint(d.since != "", d.mark, " ")
		}
		return s
	}
	named, plain := errors.New("no bitmap for disk 'vdb'"), errors.New("no")
	for i, step := range []struct {
		err  error
		more bool
		then string
	}{
		{fmt.Errorf("lock: %w", libvirt.ErrTimeout), false, "true true true true "},
		{fmt.Errorf("gone: %w", libvirt.ErrLost), false, "true true true true "},
		{named, true, "true true false true "},
		{named, true, "true true false false "},
		{named, true, "false true false false "},
		{plain, true, "false false false false "},
		{plain, false, "false false false false "},
	} {
		if more := retreat(p, step.err); more != step.more || state() != step.then {
			t.Fatalf("step %d: %v, %s, not %s", i, more, state(), step.then)
		}
	}
	if p[1].fallback != "libvirt: no bitmap for disk 'vdb'" || p[0].unmarked != "libvirt: no" {
		t.Errorf("%+v", p)
	}
}

// Only what this repository's runs for this domain called so is theirs.
func TestOurs(t *testing.T) {
	t.Parallel()
	const domain = "acd9711f-99e8-4b8f-a039-dc14a8d6709c"
	prefix := ours(repository, domain)
	for path, want := range map[string]bool{
		"/var/tmp/" + prefix + "0001/s": true, "/x/" + prefix + "0001-vda.scratch": true, "": false, "/var/tmp/other/s": false,
		"/var/tmp/" + ours(format.UUID{2}, domain) + "0001/s": false, "/var/tmp/" + ours(repository, "bcd9711f"+domain[8:]) + "0001/s": false,
	} {
		if belongs(path, prefix) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}
