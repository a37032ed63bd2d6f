package vsphere_test

import (
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/restore/machine"
	"vbfs/restore/vsphere"
	"vbfs/testdata/vsim"
)

// In one run the inventory is read once, and what the run itself has made is known all the same: names, IDs, folders.
func TestRunKnowsWhatItMade(t *testing.T) {
	t.Parallel()
	l := small(t, 201)
	uuid := l.m.InstanceUUID()
	l.lost()
	run := vsphere.Begin(l.conn)
	restore := func(path string) (*machine.Result, error) {
		l.o.Path = path
		return run.New(t.Context(), l.machine(l.point), l.o)
	}
	l.h.ResetCounts()
	first, err := restore("/DC0/vm/a/web01")
	if err != nil || first.UUID != uuid {
		t.Fatalf("%v, %+v", err, first)
	}
	second, err := restore("/DC0/vm/b/web01")
	if err != nil || second.UUID == first.UUID {
		t.Fatalf("%v, %+v", err, second)
	}
	l.noted(second, "/DC0/vm/a/web01 has the recorded machine's instance UUID")
	if _, err := restore("/DC0/vm/a/WEB01"); err == nil {
		t.Error("there are two of one name")
	} else {
		l.fails(err, machine.ErrExists)
	}
	if _, err := restore("/DC0/vm/a/third"); err != nil {
		t.Fatal(err)
	}
	l.made(first)
	l.made(second)
	if c := l.h.Counts().Calls; c["CreateContainerView"] != 1 || c["CreateFolder"] != 2 {
		t.Errorf("the inventory was read %d times, %d folders were made", c["CreateContainerView"], c["CreateFolder"])
	}
	l.h.Fail(vsim.Failure{Method: "ReconfigVM_Task", Times: 1, Fault: &types.SystemError{}})
	if _, err := restore("/DC0/vm/c/fourth"); err == nil {
		t.Error("it did not fail")
	}
	if _, err := restore("/DC0/vm/c/fifth"); err != nil {
		t.Error(err)
	}
	if c := l.h.Counts().Calls; c["CreateContainerView"] != 2 || c["CreateFolder"] != 4 {
		t.Errorf("after one that failed: the inventory was read %d times, %d folders were made", c["CreateContainerView"], c["CreateFolder"])
	}
}
