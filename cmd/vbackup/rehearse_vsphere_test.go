package main

import (
	"fmt"
	"strings"
	"testing"

	"vbfs/testdata/vsim"
)

// A dry run tells of each machine and disk what would be done, and what hinders it; it does nothing.
func TestVSphereDryRun(t *testing.T) {
	t.Parallel()
	l := newVMware(t)
	l.h.Add(vsim.Spec{Name: "web01", Tools: "linuxGuest", Disks: []vsim.Disk{{Size: 2 << 20}, {Size: 1 << 20, Mode: "independent_persistent", Datastore: "slow disks 7%"}}})
	l.h.Add(vsim.Spec{Name: "cluster", SharedBus: true, Disks: []vsim.Disk{{Size: 1 << 20}}})
	old := l.h.Add(vsim.Spec{Name: "old", Disks: []vsim.Disk{{Size: 1 << 20}}})
	old.Snapshot("before the upgrade")
	run := l.account("backup", "vsphere:", "--all", "--dry-run", "--transport", "https", "--enable-cbt")
	r := l.Run("vbackup", run...)
	for _, line := range []string{
		"web01: would make a snapshot of /DC0/vm/web01 on DC0_", "consistency filesystem (VMware Tools hold programs still in Windows alone); changed block tracking: would be switched on",
		"web01: would capture scsi0-0, 2.00 MiB from [fast] web01/", "by https, its first point", "web01: would leave scsi0-1 out: it is independent",
		"old: cannot read scsi0-0", "changed block tracking: off, and not to be switched on with snapshots",
	} {
		if !strings.Contains(r.Out, line) {
			t.Errorf("no %q in\n%s", line, r.Out)
		}
	}
	for _, line := range []string{"vbackup: cluster: the machine cannot be captured: disk scsi0-0 is shared", "vbackup: old: disk scsi0-0: the disk cannot be read so", "--transport"} {
		if !strings.Contains(r.Err, line) {
			t.Errorf("no %q in\n%s", line, r.Err)
		}
	}
	if r.Code != 3 {
		t.Errorf("exit code %d", r.Code)
	}
	l.h.Deny("VirtualMachine.State.CreateSnapshot", "Datastore.Browse")
	r = l.Run("vbackup", append(run, "--json")...)
	lines := l.Lines(r.Out)
	seen := map[string]map[string]any{}
	for _, line := range lines {
		seen[fmt.Sprint(line["type"], " ", line["machine"], " ", line["disk"])] = line
	}
	m, d := seen["machine web01 <nil>"], seen["plan web01 scsi0-0"]
	if m == nil || d == nil || m["path"] != "/DC0/vm/web01" || m["consistency"] != "filesystem" || len(m["hindrances"].([]any)) != 3 ||
		d["datastore"] != "fast" || d["transport"] != "https" || d["read_bytes"] != float64(2<<20) || seen["plan old scsi0-0"]["hindrance"] == nil {
		t.Errorf("%v", lines)
	}
	if r.Code != 1 || !strings.Contains(r.Err, "VirtualMachine.State.CreateSnapshot") || !strings.Contains(r.Err, "Datastore.Browse on ") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	if n := l.h.Counts().Calls; n["CreateSnapshot_Task"]+n["ReconfigVM_Task"] != 0 || len(l.Points()) != 0 {
		t.Errorf("something was done: %v", n)
	}
}
