package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"vbfs/cmd/internal/clitest"
	"vbfs/testdata/vsim"
)

// A vcenter is one beside a lab, and how the program is told of it.
type vcenter struct {
	*clitest.Lab
	h *vsim.Host
}

func newVMware(t *testing.T) *vcenter {
	t.Helper()
	l := &vcenter{clitest.NewPlain(t), vsim.Start(t, vsim.Options{})}
	l.Env = append(l.Env, "VBACKUP_SERVER_PASSWORD_FILE="+l.Path("server-password"), "VBACKUP_STATE_DIR="+l.Path("state"))
	l.password(l.h.Password())
	return l
}

func (l *vcenter) password(p string) {
	l.T.Helper()
	if err := os.WriteFile(l.Path("server-password"), []byte(p+"\n"), 0o600); err != nil {
		l.T.Fatal(err)
	}
}

// account adds how the vCenter is logged in to.
func (l *vcenter) account(args ...string) []string {
	return append(slices.Clone(args), "--server", l.h.URL().Host, "--user", l.h.User(), "--thumbprint", l.h.Thumbprint())
}

// same restores the newest point of a machine's only disk and compares it with what was frozen.
func (l *vcenter) same(m *vsim.Machine, name string) {
	l.T.Helper()
	out := l.Path("out.raw")
	l.OK("vbackup", "restore", name, out, "--overwrite")
	if !bytes.Equal(l.Bytes(out), m.Frozen("scsi0-0")) {
		l.T.Errorf("%s is not what was frozen", name)
	}
}

// Machines are captured by folder, with changed block tracking switched on on the way, and again by what changed.
func TestVSphere(t *testing.T) {
	t.Parallel()
	l := newVMware(t)
	content := bytes.Repeat([]byte("a disk's bytes. "), 1<<15)
	one := l.h.Add(vsim.Spec{Name: "web01", Folder: "web", Disks: []vsim.Disk{{Size: 8 << 20, Content: content}}})
	two := l.h.Add(vsim.Spec{Name: "web 02", Folder: "web", Disks: []vsim.Disk{{Size: 4 << 20, Content: content}}})
	l.h.Add(vsim.Spec{Name: "db", Disks: []vsim.Disk{{Size: 1 << 20}}})
	out := l.OK("vbackup", l.account("vsphere", "ls", "/DC0/vm/web")...).Out
	if !strings.Contains(out, "/DC0/vm/web/web01") || !strings.Contains(out, "/DC0/vm/web/web 02") || strings.Contains(out, "/DC0/vm/db") {
		t.Errorf("%s", out)
	}
	plan := l.OK("vbackup", l.account("backup", "vsphere:/DC0/vm/web", "--dry-run", "--transport", "https")...).Out
	if !strings.Contains(plan, "web01: would capture scsi0-0") || len(l.Points()) != 0 {
		t.Errorf("%s", plan)
	}
	l.OK("vbackup", l.account("backup", "vsphere:/DC0/vm/web", "--enable-cbt", "--transport", "https")...)
	if n := len(l.Points()); n != 2 {
		t.Fatalf("%d points", n)
	}
	l.same(one, "web01")
	l.same(two, "web 02")
	one.Write("scsi0-0", 5<<20, content)
	l.OK("vbackup", l.account("backup", "vsphere:web01", "--transport", "https")...)
	l.same(one, "web01")
	for _, p := range l.Points() {
		d := p["disks"].([]any)[0].(map[string]any)
		if p["level"] == "inc" && (d["read_bytes"].(float64) > 1<<20 || d["fallback"] != nil && d["fallback"] != "") {
			t.Errorf("%v", p)
		}
	}
	l.OK("vbackup", l.account("vsphere", "cbt", "reset", "/DC0/vm/web/web01")...)
	r := l.OK("vbackup", l.account("backup", "vsphere:web01", "--transport", "https")...)
	if !strings.Contains(r.Err, "begun anew") {
		t.Errorf("%s%s", r.Out, r.Err)
	}
	l.same(one, "web01")
	info := l.OK("vbackup", l.account("vsphere", "cbt", "info", "web01")...).Out
	if !strings.Contains(info, "tracking is on") || !strings.Contains(info, "scsi0-0") {
		t.Errorf("%s", info)
	}
	l.OK("vbackup", l.account("vsphere", "cbt", "disable", "web01")...)
	if n := l.h.Sessions(); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

// What goes wrong is one sentence, with the way out.
func TestVSphereErrors(t *testing.T) {
	t.Parallel()
	l := newVMware(t)
	m := l.h.Add(vsim.Spec{Name: "web01", Disks: []vsim.Disk{{Size: 1 << 20}}})
	l.h.Add(vsim.Spec{Name: "web02", Folder: "a"})
	try := func(code int, says, hint string, args ...string) {
		t.Helper()
		r := l.Run("vbackup", args...)
		if r.Code != code || !strings.Contains(r.Err, says) || !strings.Contains(r.Err, hint) || strings.Contains(r.Err, l.h.Password()) {
			t.Errorf("%q: exit code %d: %s", args, r.Code, r.Err)
		}
	}
	backup := l.account("backup", "vsphere:web01", "--transport", "https")
	try(2, "--server", "", "backup", "vsphere:web01")
	try(2, "--user", "", "backup", "vsphere:web01", "--server", "x")
	try(2, "vsphere: alone", "", "backup", l.Path("x.raw"), "--server", "x")
	try(2, "none of vddk, https, nfc", "", l.account("backup", "vsphere:web01", "--transport", "ftp")...)
	try(10, "nobody", "vbackup vsphere ls", l.account("backup", "vsphere:nobody")...)
	l.password("wrong")
	try(12, "wrong user name or password", "VBACKUP_SERVER_PASSWORD_FILE", backup...)
	l.password("")
	try(12, "empty", "VBACKUP_SERVER_PASSWORD_FILE", backup...)
	l.password(l.h.Password())
	l.h.Deny("VirtualMachine.State.CreateSnapshot", "VirtualMachine.State.RemoveSnapshot")
	try(1, "VirtualMachine.State.CreateSnapshot, VirtualMachine.State.RemoveSnapshot", "role", backup...)
	l.h.Allow()
	m.EnableCBT()
	s := m.Snapshot("mine")
	try(1, "older snapshots", "--transport", backup...)
	try(1, "snapshots", "remove the snapshots", l.account("vsphere", "cbt", "reset", "web01")...)
	m.RemoveSnapshot(s)
	try(1, "nbdkit", "--transport https", l.account("backup", "vsphere:web01", "--transport", "vddk", "--vddk-plugin", "/nowhere/vddk.so")...)
	l.h.NewCertificate()
	try(1, l.h.Thumbprint(), "--thumbprint", backup...)
	try(1, l.h.Thumbprint(), "console", "backup", "vsphere:web01", "--server", l.h.URL().Host, "--user", l.h.User())
	try(1, "127.0.0.1:1", "port 443", "vsphere", "ls", "--server", "127.0.0.1:1", "--user", "x")
	l.OK("vbackup", l.account("backup", "vsphere:web01", "--transport", "https")...)
}
