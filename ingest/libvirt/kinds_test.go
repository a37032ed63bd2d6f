//go:build cgo && !nolibnbd

package libvirt

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"vbfs/index/format"
	"vbfs/ingest"
	"vbfs/testdata/lab"
)

// Disks of all kinds are captured or left out by rules that the point states.
func TestKinds(t *testing.T) {
	t.Parallel()
	host := lab.Start(t)
	iso := filepath.Join(host.Dir, "some.iso")
	must(t, os.WriteFile(iso, make([]byte, 64*kib), 0o644))
	b := benchOn(t, host, lab.Spec{
		Disks: []lab.Disk{
			{Target: "vda", Size: 2 * mib}, {Target: "vdb", Size: 1 * mib, Format: "raw"}, {Target: "vdc", Size: 1 * mib, ReadOnly: true},
			{Target: "vdd", Size: 1 * mib, Format: "raw", Shareable: true}, {Target: "vde", Size: 1 * mib}, {Target: "hda", CDROM: true},
			{Target: "hdb", CDROM: true, Path: iso, Size: 64 * kib}, {Target: "sda", Size: 1 * mib}, {Target: "vdf", Size: 1 * mib, Loop: true, Format: "raw"},
		},
	})
	b.o.Skip = func(disk string) string {
		if disk == "vde" {
			return "excluded by --exclude vde"
		}
		return ""
	}
	for _, target := range []string{"vda", "vdb", "sda", "vdf"} {
		b.dom.Write(target, 1, 0, 512*kib)
	}
	b.take("auto")
	b.dom.Write("vda", 2, 0, 512)
	b.dom.Write("vdb", 2, 4096, 512)
	b.dom.Write("vdf", 2, 4096, 512)
	m := b.take("auto")
	for target, want := range map[string]struct{ skip, fallback string }{
		"vda": {}, "sda": {}, "vdb": {"", "format raw has no place"}, "vdf": {"", "format raw has no place"}, "vdc": {"read-only", ""},
		"vdd": {"shareable", ""}, "vde": {"--exclude", ""}, "hda": {"empty cdrom", ""}, "hdb": {"CD-ROM", ""},
	} {
		d := disk(t, m, target)
		if !says(d.Reason, want.skip) || !says(d.Fallback, want.fallback) || (d.State == format.DiskSkipped) != (want.skip != "") {
			t.Errorf("%s: %s %q, fallback %q", target, d.State, d.Reason, d.Fallback)
		}
	}
	if !strings.Contains(strings.Join(m.Warnings, "\n"), "disk vdb: no checkpoint") {
		t.Errorf("%q", m.Warnings)
	}
}

// An image of the first version of qcow2 keeps no bitmaps: libvirt says no to a checkpoint, and the disk is read all the same. The
// other goes on by increment.
func TestOldImage(t *testing.T) {
	t.Parallel()
	host := lab.Start(t)
	old := filepath.Join(host.Dir, "images", "old.qcow2")
	b := &bench{t: t, host: host}
	b.tool("qemu-img", "create", "-q", "-f", "qcow2", "-o", "compat=0.10", old, "1M")
	b = benchOn(t, host, lab.Spec{Disks: []lab.Disk{{Target: "vda", Size: 1 * mib}, {Target: "vdb", Path: old, Size: 1 * mib}}})
	b.dom.Write("vdb", 1, 0, 100*kib)
	b.take("auto")
	b.dom.Write("vdb", 2, 0, 512)
	m := b.take("auto")
	a, c := disk(t, m, "vda"), disk(t, m, "vdb")
	if a.Fallback != "" || a.Tracking == "" || c.Tracking != "" || !strings.Contains(c.Fallback, "no checkpoint was made") ||
		!strings.Contains(strings.Join(m.Warnings, "\n"), "qcow2 v2") {
		t.Errorf("%+v %q", m.Disks, m.Warnings)
	}
}

// Beside snapshots libvirt makes no checkpoints; when they are gone, increments go on.
func TestSnapshots(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.dom.Write("vda", 1, 0, 1*mib)
	b.dom.Virsh("snapshot-create-as", "--name", "s", "--disk-only", "--diskspec", "vda,file="+b.host.Dir+"/images/overlay.qcow2", "--diskspec", "vdb,snapshot=no")
	b.dom.Write("vda", 2, 64*kib, 1*mib)
	m := b.take("full")
	if d := disk(t, m, "vda"); d.Tracking != "" || !strings.Contains(strings.Join(m.Warnings, "\n"), "has snapshots") {
		t.Errorf("%+v %q", d, m.Warnings)
	}
	b.dom.Write("vda", 3, 0, 100)
	if d := disk(t, b.take("auto"), "vda"); !strings.Contains(d.Fallback, "has snapshots") {
		t.Errorf("%+v", d)
	}
	b.dom.Virsh("snapshot-delete", "--metadata", "s")
	b.dom.Write("vda", 4, 0, 100)
	b.take("auto")
	b.dom.Write("vda", 5, 0, 100)
	b.level(b.take("auto"), "inc", 64*kib)
	b.dom.Virsh("blockcommit", "vda", "--active", "--pivot", "--wait")
	b.dom.Write("vda", 6, 0, 100)
	if d := disk(t, b.take("auto"), "vda"); !strings.Contains(d.Fallback, "the disk was") {
		t.Errorf("after a commit: %+v", d)
	}
	b.level(b.take("auto"), "inc", 0)
}

// A disk that is added is read in full, and one that is gone is not missed.
func TestHotPlug(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.take("auto")
	b.dom.Attach(lab.Disk{Target: "vdc", Size: 1 * mib})
	b.dom.Write("vdc", 1, 0, 100)
	b.dom.Write("vda", 1, 0, 100)
	m := b.take("auto")
	if a, c := disk(t, m, "vda"), disk(t, m, "vdc"); a.Fallback != "" || !strings.Contains(c.Fallback, "does not have the disk") {
		t.Errorf("%+v %+v", a, c)
	}
	b.dom.Write("vdc", 2, 0, 100)
	m = b.take("auto")
	if c := disk(t, m, "vdc"); c.Fallback != "" || c.Read != 64*kib {
		t.Errorf("%+v", c)
	}
	b.dom.Virsh("detach-disk", "vdb", "--config")
	b.restart()
	if m = b.take("auto"); len(m.Disks) != 2 || disk(t, m, "vda").Fallback != "" {
		t.Errorf("%+v", m.Disks)
	}
	b.level(b.take("auto"), "inc", 0)
}

// A disk that is added after the run has looked, and before the job begins, would be missing in the point: there is none.
func TestHotPlugMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	add := sync.OnceFunc(func() { b.dom.Attach(lab.Disk{Target: "vdc", Size: 1 * mib}) })
	b.o.Skip = func(string) string { add(); return "" }
	if m, err := b.run("auto"); m != nil || !errors.Is(err, ErrBusy) {
		t.Errorf("%+v %v", m, err)
	}
	if b.clean(); len(b.ours()) > 0 {
		t.Error(b.ours())
	}
	if m := b.take("auto"); len(m.Disks) != 3 {
		t.Errorf("%+v", m.Disks)
	}
}

// What is written after the instant is not in the point, and is in the next.
func TestOneInstant(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, target := range []string{"vda", "vdb"} {
		b.dom.Write(target, 1, 0, 2*mib)
	}
	n := byte(10)
	b.meddle = func(*ingest.Shot) {
		n++
		b.dom.Write("vda", n, 32*kib, 500*kib)
		b.dom.Discard("vdb", 64*kib, 128*kib)
		b.dom.Write("vdb", n, 1*mib, 3)
	}
	for _, level := range []string{"auto", "auto", "diff", "copy", "auto"} {
		if m := b.take(level); disk(t, m, "vda").Fallback != "" || disk(t, m, "vdb").Fallback != "" {
			t.Errorf("%+v", m.Disks)
		}
	}
}
