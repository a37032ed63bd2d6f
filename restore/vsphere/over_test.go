package vsphere_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	hyper "vbfs/hyper/vsphere"
	"vbfs/ingest"
	"vbfs/restore/machine"
	"vbfs/restore/vsphere"
	"vbfs/testdata/vsim"
)

// All is written, or what differs: the disks are the point's either way, and the next backup reads them in full and says why.
func TestOver(t *testing.T) {
	t.Parallel()
	for _, delta := range []bool{false, true} {
		l := newOverLab(t, vsim.Options{}, overSpec(1))
		l.o.Delta, l.o.Verify, l.o.Progress = delta, !delta, new(machine.Progress)
		differs := int64(0)
		for name, p := range l.now() {
			differs += granulesThatDiffer(p, l.want[name])
		}
		r := l.must()
		if r.Name != "web 01" || r.UUID != l.m.InstanceUUID() || len(r.Disks) != 2 {
			t.Errorf("%+v", r)
		}
		written := int64(0)
		for _, d := range r.Disks {
			written += d.Written
			if want := map[bool]string{false: machine.InPlace, true: machine.Compared}[delta]; d.How != want || d.Format != "thin" {
				t.Errorf("%+v", d)
			}
		}
		if delta && written != differs || !delta && written != 9<<20+5<<10 {
			t.Errorf("delta %t: %d bytes written, %d differ", delta, written, differs)
		}
		if !l.look().Tracking {
			t.Error("change tracking stays off")
		}
		l.m.PowerOn()
		l.scribble(rand.New(rand.NewPCG(8, 8)), 2)
		p := l.capture(ingest.Inc)
		for _, d := range p.Disks {
			if !strings.Contains(d.Fallback, "begun anew") {
				t.Errorf("the backup after it: %s: %q", d.Name, d.Fallback)
			}
		}
		if p = l.capture(ingest.Inc); p.Disks[0].Fallback != "" {
			t.Errorf("and the one after that: %q", p.Disks[0].Fallback)
		}
	}
}

// granulesThatDiffer counts bytes in whole granules of 64 KiB, the last of which may be short.
func granulesThatDiffer(a, b []byte) (n int64) {
	for off := 0; off < len(a); off += 64 << 10 {
		end := min(off+64<<10, len(a))
		if string(a[off:end]) != string(b[off:end]) {
			n += int64(end - off)
		}
	}
	return n
}

// One disk alone: the other one stays as it is.
func TestOverOneDisk(t *testing.T) {
	t.Parallel()
	l := newOverLab(t, vsim.Options{}, overSpec(3))
	l.want["scsi0-0"] = l.m.Content("scsi0-0")
	if _, err := l.over("scsi0-1"); err != nil {
		t.Fatal(err)
	}
	l.is(l.want)
}

// What must not be written to is refused by name, and nothing changes.
func TestOverRefuses(t *testing.T) {
	t.Parallel()
	l := newOverLab(t, vsim.Options{}, overSpec(5))
	l.m.PowerOn()
	l.unchanged(machine.ErrRuns, "web 01", "poweredOn")
	l.m.PowerOff()
	ref := l.m.Snapshot("before the update")
	l.unchanged(machine.ErrSnapshots, `"before the update"`)
	l.m.RemoveSnapshot(ref)
	l.o.Path = "nobody"
	l.unchanged(hyper.ErrNoMachine, "nobody")
	l.o.Path = ""
	extra := l.m.AddDisk(vsim.Disk{Size: 1 << 20})
	l.unchanged(machine.ErrOther, "the point does not have "+extra)
	l.m.RemoveDisk(extra)
	l.m.ExtendDisk("scsi0-1", 4<<20)
	l.unchanged(machine.ErrOther, "disk scsi0-1", "4194304", "3150848")
	l.m.RemoveDisk("scsi0-1")
	l.unchanged(machine.ErrOther, "no more the disks scsi0-1")
	l.m.AddDisk(vsim.Disk{Size: 3<<20 + 5<<10})
	r := l.must()
	if !strings.Contains(strings.Join(r.Notes, "\n"), "scsi0-1 is not the recorded disk") {
		t.Errorf("%q", r.Notes)
	}
	l.m.Snapshot("deltas")
	l.m.LeaveDeltas()
	l.unchanged(machine.ErrSnapshots)
}

// Another kind of disk, or of machine.
func TestOverRefusesKinds(t *testing.T) {
	t.Parallel()
	l := newOverLab(t, vsim.Options{}, overSpec(9))
	l.m.MarkAsTemplate()
	l.unchanged(vsphere.ErrRefused, "template")
}

// Disks that were exchanged are known by their UUIDs.
func TestOverExchangedDisks(t *testing.T) {
	t.Parallel()
	spec := overSpec(11)
	spec.Disks[1].Size, spec.Disks[1].Datastore = spec.Disks[0].Size, ""
	l := newOverLab(t, vsim.Options{}, spec)
	l.exchange("scsi0-0", "scsi0-1")
	l.want["scsi0-0"], l.want["scsi0-1"] = l.want["scsi0-1"], l.want["scsi0-0"]
	r := l.must()
	if len(r.Notes) != 2 || !strings.Contains(r.Notes[0], "is scsi0-1 now") {
		t.Errorf("%q", r.Notes)
	}
}

// A disk that cannot be opened leaves all as it was; one that cannot be written to the end is named.
func TestOverFails(t *testing.T) {
	t.Parallel()
	l := newOverLab(t, vsim.Options{}, overSpec(13))
	for _, c := range []struct {
		fail func(string) error
		text string
		half bool
	}{
		{l.vddk.FailOpen, "the host is not licensed", false},
		{l.vddk.FailWrite, "There is not enough space", true},
	} {
		if err := c.fail(c.text); err != nil {
			t.Fatal(err)
		}
		before := l.now()
		_, err := l.over()
		l.fails(err, nil, c.text, "disk scsi0-", ".vmdk")
		if got := strings.Contains(err.Error(), machine.ErrHalf.Error()); got != c.half {
			t.Errorf("partly overwritten: %t, %v", got, err)
		}
		if !c.half {
			l.is(before)
		}
		if !l.look().Tracking {
			t.Error("change tracking stays off")
		}
		if err := c.fail(""); err != nil {
			t.Fatal(err)
		}
	}
	l.o.Delta = true
	if err := l.vddk.FailRead("NFC has no buffers left"); err != nil {
		t.Fatal(err)
	}
	l.unchanged(nil, "NFC has no buffers left")
	if err := l.vddk.FailRead(""); err != nil {
		t.Fatal(err)
	}
	l.must()
}
