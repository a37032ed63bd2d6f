package main

import (
	"bytes"
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"vbfs/testdata/vsim"
)

// A vsphereRestore is a machine that was captured, and a vCenter with VMware's library beside it.
type vsphereRestore struct {
	*vcenter
	m    *vsim.Machine
	vddk vsim.VDDK
}

func newVSphereRestore(t *testing.T, size int64, content []byte) *vsphereRestore {
	t.Helper()
	l := &vsphereRestore{vcenter: newVMware(t)}
	l.m = l.h.Add(vsim.Spec{Name: "web01", Folder: "web", CBT: true, Disks: []vsim.Disk{{Size: size, Content: content}}})
	l.vddk = l.h.VDDK()
	l.OK("vbackup", l.account("backup", "vsphere:web01", "--transport", "https")...)
	l.m.PowerOff()
	return l
}

// to adds how VMware is reached, with its library.
func (l *vsphereRestore) to(args ...string) []string {
	return append(l.account(args...), "--vddk-plugin", l.vddk.Plugin, "--vddk-libdir", l.vddk.LibDir)
}

func (l *vsphereRestore) destroy(m *vsim.Machine) {
	l.T.Helper()
	task, err := m.Object().Destroy(context.Background())
	if err == nil {
		err = task.Wait(context.Background())
	}
	if err != nil {
		l.T.Fatal(err)
	}
}

// A machine comes back beside itself, over itself, and where it was when it is gone.
func TestRestoreVSphere(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("a disk's bytes. "), 1<<15)
	l := newVSphereRestore(t, 2<<20, content)
	want := l.m.Frozen("scsi0-0")
	r := l.OK("vbackup", l.to("restore", "web01", "vsphere:/DC0/vm/back/web02", "--verify", "--power-on", "--format", "zeroedthick",
		"--storage", "slow disks 7%", "--storage", "scsi0-0=fast", "--network", "VM Network=DC0_DVPG0")...)
	m := l.h.Machine("web02")
	if !bytes.Equal(m.Content("scsi0-0"), want) || m.Path() != "/DC0/vm/back/web02" || m.InstanceUUID() == l.m.InstanceUUID() ||
		!strings.Contains(r.Err, "restored and verified web01@") || !strings.Contains(r.Err, "the machine web02 (") {
		t.Errorf("%s: %s", m.Path(), r.Err)
	}
	l.m.Write("scsi0-0", 0, []byte("written since"))
	l.OK("vbackup", l.to("restore", "web01", "vsphere:", "--overwrite", "--delta")...)
	if !bytes.Equal(l.m.Content("scsi0-0"), want) {
		t.Error("it is not what it was")
	}
	l.destroy(l.m)
	lines := l.Lines(l.OK("vbackup", l.to("restore", "web01", "vsphere:", "--json")...).Out)
	line := lines[len(lines)-1]
	m = l.h.Machine("web01")
	if !bytes.Equal(m.Content("scsi0-0"), want) || m.Path() != "/DC0/vm/web/web01" || line["machine"] != "web01" || line["uuid"] != m.InstanceUUID() {
		t.Errorf("%s: %v", m.Path(), line)
	}
	if n := l.h.Sessions(); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

// What cannot be is said in one sentence, with the way out.
func TestRestoreVSphereRefused(t *testing.T) {
	t.Parallel()
	l := newVSphereRestore(t, 1<<20, []byte("bytes"))
	to := func(args ...string) []string { return l.to(append([]string{"restore", "web01"}, args...)...) }
	for name, c := range map[string]struct {
		args []string
		code int
		says string
		hint string
	}{
		"server":     {[]string{"restore", "web01", "vsphere:"}, 2, "--server", ""},
		"flags":      {[]string{"restore", "web01", "x.raw", "--cluster", "c"}, 2, "vsphere: alone", ""},
		"format":     {to("vsphere:", "--format", "raw"), 2, "thin, zeroedthick, eagerzeroedthick", ""},
		"ids":        {to("vsphere:", "--keep-ids", "--new-ids"), 2, "opposite", ""},
		"over":       {to("vsphere:", "--overwrite", "--power-on"), 2, "stays where and what it is", ""},
		"delta":      {to("vsphere:", "--delta"), 2, "--overwrite", ""},
		"network":    {to("vsphere:", "--network", "a"), 2, "OLD=NEW", ""},
		"storage":    {to("vsphere:", "--storage", "a", "--storage", "b"), 2, "a is it already", ""},
		"disk":       {l.to("restore", "web01:scsi0-0", "vsphere:x"), 2, "--overwrite", ""},
		"exists":     {to("vsphere:"), 1, "/DC0/vm/web/web01: machine exists", "--name"},
		"ids taken":  {to("vsphere:", "--name", "other", "--keep-ids"), 1, "instance UUID", "--keep-ids"},
		"datacenter": {to("vsphere:/Nowhere/vm/x"), 1, "DC0", "vSphere client"},
		"datastore":  {to("vsphere:/DC0/vm/x", "--storage", "y"), 1, "fast, slow disks 7%", "--storage"},
		"library":    {l.account("restore", "web01", "vsphere:/DC0/vm/x", "--transport", "vddk", "--vddk-plugin", "/nowhere.so"), 1, "not installed", "--transport nfc"},
	} {
		r := l.Run("vbackup", c.args...)
		if r.Code != c.code || !strings.Contains(r.Err, c.says) || !strings.Contains(r.Err, c.hint) || strings.Contains(r.Err, l.h.Password()) {
			t.Errorf("%s: exit code %d: %s", name, r.Code, r.Err)
		}
	}
	l.h.Deny("VirtualMachine.Inventory.Create", "Datastore.AllocateSpace")
	if r := l.Run("vbackup", to("vsphere:/DC0/vm/x")...); r.Code != 1 || !strings.Contains(r.Err, "VirtualMachine.Inventory.Create") ||
		!strings.Contains(r.Err, "Datastore.AllocateSpace") || !strings.Contains(r.Err, "role") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	l.h.Allow()
	l.h.SetFree("fast", 1000)
	if r := l.Run("vbackup", to("vsphere:/DC0/vm/x")...); r.Code != 1 || !strings.Contains(r.Err, "1000 bytes are free") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
}

// What was asked for and does not come about is told, and the exit code says so.
func TestRestoreVSphereInPart(t *testing.T) {
	t.Parallel()
	l := newVSphereRestore(t, 1<<20, []byte("bytes"))
	l.h.Deny("VirtualMachine.Interact.PowerOn")
	r := l.Run("vbackup", l.to("restore", "web01", "vsphere:/DC0/vm/x", "--power-on")...)
	if r.Code != 3 || !strings.Contains(r.Err, "not powered on") || len(l.h.Machine("x").Disks()) != 1 {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
}

// An interrupted restore leaves nothing.
func TestRestoreVSphereInterrupted(t *testing.T) {
	t.Parallel()
	l := newVSphereRestore(t, 1<<20, []byte("bytes"))
	l.h.Slow("ReconfigVM_Task", 200*time.Millisecond)
	for _, wait := range []time.Duration{0, 150 * time.Millisecond} {
		cmd := l.Command("vbackup", l.to("restore", "web01", "vsphere:/DC0/vm/back/x")...)
		before := l.h.Counts().Calls["CreateVM_Task"]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && l.h.Counts().Calls["CreateVM_Task"] == before; {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(wait)
		cmd.Process.Signal(syscall.SIGINT)
		if cmd.Wait(); cmd.ProcessState.ExitCode() != 130 {
			t.Errorf("interrupted: %v", cmd.ProcessState)
		}
		if _, err := l.h.Finder().VirtualMachine(context.Background(), "/DC0/vm/back/x"); err == nil {
			t.Error("the machine is left")
		}
		if _, err := l.h.Finder().Folder(context.Background(), "/DC0/vm/back"); err == nil {
			t.Error("the folder is left")
		}
	}
}

// What a killed restore has left is removed by the next one, unless it may be at work: then it is named, with the way out.
func TestRestoreVSphereKilled(t *testing.T) {
	t.Parallel()
	l := newVSphereRestore(t, 1<<20, []byte("bytes"))
	args := l.to("restore", "web01", "vsphere:/DC0/vm/back/x")
	l.h.Slow("ReconfigVM_Task", 1500*time.Millisecond)
	cmd := l.Command("vbackup", args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && l.h.Counts().Calls["ReconfigVM_Task"] == 0; {
		time.Sleep(time.Millisecond)
	}
	if r := l.Run("vbackup", args...); r.Code != 1 || !strings.Contains(r.Err, "/DC0/vm/back/x: machine that a restore has not finished: made by process") || !strings.Contains(r.Err, "delete the machine") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	time.Sleep(1800 * time.Millisecond) // what the server has begun ends
	l.h.NoTrouble()
	if r := l.OK("vbackup", args...); !strings.Contains(r.Err, "had left half made, is removed") {
		t.Error(r.Err)
	}
	if m := l.h.Machine("x"); m.Path() != "/DC0/vm/back/x" || !bytes.Equal(m.Content("scsi0-0"), l.m.Frozen("scsi0-0")) {
		t.Error("it is not what it was")
	}
}
