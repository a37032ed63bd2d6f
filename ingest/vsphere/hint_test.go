package vsphere_test

import (
	"testing"

	"vbfs/index/indextest"
	"vbfs/ingest"
	"vbfs/ingest/vsphere"
	"vbfs/testdata/vsim"
)

// What was never written is not read of a disk whose tracking we switched on; of one that others did, with a snapshot, everything is,
// for nobody says that such a tracking is incomplete.
func TestAllocated(t *testing.T) {
	t.Parallel()
	spec := vsim.Spec{Disks: []vsim.Disk{{Size: 48 * mib, Content: noise(51, 5*mib)}}}
	l := newLab(t, vsim.Options{MaxAreas: 3}, spec, vsphere.Options{Transport: vsphere.HTTPS, EnableCBT: true})
	l.m.Write("scsi0-0", 30*mib+77, noise(52, 100000))
	for range 2 {
		if p := l.capture(ingest.Full); p.Disks[0].Read > 8*mib || p.Disks[0].Tracking == "" {
			t.Errorf("%+v", p.Disks[0])
		}
	}
	other := &lab{t, l.h, l.h.Add(vsim.Spec{Name: "late", Disks: spec.Disks}), l.conn, indextest.Plain(t), l.o, map[string]map[string][]byte{}}
	s := other.m.Snapshot("x")
	other.m.EnableCBT()
	other.m.RemoveSnapshot(other.m.Snapshot("y"))
	other.m.RemoveSnapshot(s)
	other.m.Write("scsi0-0", 40*mib, noise(53, 1000))
	if p := other.capture(ingest.Auto); p.Disks[0].Read != 48*mib {
		t.Errorf("%+v", p.Disks[0])
	}
}
