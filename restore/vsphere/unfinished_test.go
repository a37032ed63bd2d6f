package vsphere_test

import (
	"context"
	"encoding/json"
	"os/exec"
	"slices"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/hyper/process"
	"vbfs/restore/machine"
	"vbfs/restore/vsphere"
	"vbfs/testdata/vsim"
)

// dead is a process that has ended.
func dead(t *testing.T) process.ID {
	t.Helper()
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	id := process.Self()
	id.PID, id.Start = cmd.Process.Pid, 1
	return id
}

// A machine that says that it is being made goes only when its restore is known to have ended, and nobody uses it.
func TestNewUnfinished(t *testing.T) {
	t.Parallel()
	l := small(t, 231)
	other := l.folder("other")
	gone := dead(t)
	booted, abroad, contained := gone, gone, gone
	booted.Boot, abroad.Boot, abroad.Host, contained.Space = "before", "another", "other.example.org", "pid:[1]"
	abroad.Machine = "another"
	for name, c := range map[string]struct {
		by   process.ID
		mark string                // in place of one that is right
		then func(m *vsim.Machine) // what somebody does with it
		is   error                 // nil: it goes
		says string
	}{
		"ended":        {by: gone},
		"booted since": {by: booted},
		"abroad":       {by: abroad, is: vsphere.ErrUnfinished, says: "on other.example.org"},
		"contained":    {by: contained, is: vsphere.ErrUnfinished, says: "not known to have ended"},
		"at work":      {by: process.Self(), is: vsphere.ErrUnfinished, says: "which is at work"},
		"unread":       {mark: "{", is: vsphere.ErrUnfinished, says: "cannot be read"},
		"nobody's":     {mark: "{}", is: vsphere.ErrUnfinished, says: "cannot be read"},
		"no mark":      {mark: "-", is: machine.ErrExists, says: "no mark"},
		"on":           {by: gone, then: (*vsim.Machine).PowerOn, is: vsphere.ErrUnfinished, says: "somebody uses"},
		"snapshot":     {by: gone, then: func(m *vsim.Machine) { m.Snapshot("mine") }, is: vsphere.ErrUnfinished, says: "somebody uses"},
		"template":     {by: gone, then: (*vsim.Machine).MarkAsTemplate, is: vsphere.ErrUnfinished, says: "somebody uses"},
		"other disk":   {by: gone, then: func(m *vsim.Machine) { m.AddDisk(vsim.Disk{Size: 1 << 20}) }, is: vsphere.ErrUnfinished, says: "scsi0-1 is somebody else's"},
		"clone": {by: gone, then: func(m *vsim.Machine) {
			l.reconfigureOf(m, types.VirtualMachineConfigSpec{InstanceUuid: "00000000-1111-2222-3333-444444444444"})
		}, is: vsphere.ErrUnfinished, says: "clone"},
	} {
		m := l.h.Add(vsim.Spec{Name: name, Off: true, Disks: []vsim.Disk{{Size: 1 << 20}}})
		text, err := json.Marshal(map[string]any{"by": c.by, "instance": m.InstanceUUID(), "disks": []string{"scsi0-0"}, "folders": []string{other}})
		if err != nil {
			t.Fatal(err)
		}
		if c.mark != "" {
			text = []byte(c.mark)
		}
		if c.mark != "-" {
			l.reconfigureOf(m, types.VirtualMachineConfigSpec{ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: "vbfs.unfinished", Value: string(text)}}})
		}
		if c.then != nil {
			c.then(m)
		}
		l.o.Path = m.Path()
		if c.is != nil {
			l.nothing(c.is, name, c.says)
			continue
		}
		made, r := l.make()
		l.noted(r, l.o.Path+", which a restore that was killed had left half made, is removed")
		if made.Path() != l.o.Path {
			t.Errorf("it is at %s", made.Path())
		}
	}
	if !slices.Contains(l.left(), "/DC0/vm/other "+other) {
		t.Error("a folder is gone that the machines were not in")
	}
}

// folder makes an empty one, and gives its reference.
func (l *newLab) folder(name string) string {
	l.t.Helper()
	root, err := l.h.Finder().Folder(context.Background(), "/DC0/vm")
	if err != nil {
		l.t.Fatal(err)
	}
	folder, err := root.CreateFolder(context.Background(), name)
	if err != nil {
		l.t.Fatal(err)
	}
	return folder.Reference().Value
}

// Nor is such a machine restored over.
func TestOverUnfinished(t *testing.T) {
	t.Parallel()
	l := newOverLab(t, vsim.Options{}, overSpec(233))
	(&newLab{l}).reconfigure(types.VirtualMachineConfigSpec{ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: "vbfs.unfinished", Value: "{}"}}})
	l.unchanged(vsphere.ErrUnfinished, "web 01")
}

// When the mark cannot be taken off, the machine is not left with it.
func TestNewMarkStays(t *testing.T) {
	t.Parallel()
	l := small(t, 234)
	l.h.ResetCounts()
	m, _ := l.make()
	calls := l.h.Counts().Calls["ReconfigVM_Task"]
	l.destroy(m)
	l.sweep()
	for times := 1; times <= 3; times++ {
		before := l.left()
		l.h.Fail(vsim.Failure{Method: "ReconfigVM_Task", Skip: calls - 1, Times: times, Fault: &types.SystemError{Reason: "out of luck"}})
		r, err := l.try()
		l.h.NoTrouble()
		if (err != nil) != (times == 3) {
			t.Fatalf("%d times: %v", times, err)
		}
		if err == nil {
			l.destroy(l.made(r))
			l.sweep()
		}
		l.same(before)
	}
}
