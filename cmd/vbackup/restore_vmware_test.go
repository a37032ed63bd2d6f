package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vbfs/cmd/internal/clitest"
	"vbfs/ingest/ghettovcb/handmade"
	"vbfs/testdata/vsim"
)

// A machine of vSphere's becomes a folder, in each format, which the importer of such folders reads back byte for byte.
func TestRestoreVMwareFolder(t *testing.T) {
	t.Parallel()
	l := newVMware(t)
	m := l.h.Add(vsim.Spec{Name: "web 01", CBT: true, NVRAM: []byte("variables"), Disks: []vsim.Disk{
		{Size: 4 << 20, Content: noise(3<<20, 1)}, {Size: 2 << 20, Content: noise(1<<20, 2), On: "sata"},
	}})
	l.OK("vbackup", l.account("backup", "vsphere:web 01", "--transport", "https")...)
	volume := l.Path("volume")
	at := filepath.Join(volume, "back")
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	for day, kind := range []string{"thin", "flat", "2gbsparse"} {
		folder, point := stamped(volume, "back", day+1)
		name := filepath.Base(folder)
		s := summary(t, l.Lab, l.OK("vbackup", "restore", "web 01", "vmware:"+at, "--name", name, "--format", kind, "--verify", "--json"))
		if s["folder"] != folder || s["machine"] != name || s["verified"] != true || len(s["disks"].([]any)) != 2 {
			t.Errorf("%v", s)
		}
		l.OK("vbackup", "import", "ghettovcb", volume, "--include-incomplete")
		for _, disk := range []string{"scsi0-0", "sata0-0"} {
			holds(l.Lab, strings.Replace(point, "back", l.imported(), 1)+":"+disk, m.Frozen(disk))
		}
		if got := l.Bytes(filepath.Join(folder, name+".nvram")); string(got) != "variables" {
			t.Errorf("the NVRAM is %q", got)
		}
	}
	r := l.OK("vbackup", "restore", "web 01", "vmware:"+l.Dir, "--format", "streamOptimized", "--verify")
	if !strings.Contains(r.Err, "restored and verified web 01@") || !strings.Contains(r.Err, "the folder "+l.Path("web 01")) {
		t.Error(r.Err)
	}
	for i, disk := range m.Disks() {
		if !strings.Contains(r.Err, fmt.Sprintf("%s, %s", disk, l.Path(fmt.Sprintf("web 01/web_01-disk%d.vmdk", i+1)))) {
			t.Errorf("%s is not disk %d: %s", disk, i+1, r.Err)
		}
		l.Tool("qemu-img", "convert", "-f", "vmdk", "-O", "raw", l.Path(fmt.Sprintf("web 01/web_01-disk%d.vmdk", i+1)), l.Path(disk))
		l.Same(l.Path(disk), m.Frozen(disk))
	}
}

// imported is the machine's name that the importer gives.
func (l *vcenter) imported() string {
	l.T.Helper()
	for _, p := range l.Points() {
		if name := p["machine"].(string); name != "web 01" {
			return name
		}
	}
	l.T.Fatal("nothing was imported")
	return ""
}

// A machine of ghettoVCB's comes back with its own .vmx, and is replaced when that is said.
func TestRestoreGhettoFolder(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	folder, _ := stamped(l.Path("volume"), "a [b] ü", 1)
	data := noise(1<<20, 3)
	handmade.Machine{Name: "a [b] ü", NVRAM: []byte("old"), Config: "guestinfo.mine = \"kept\"\nscsi0.present = \"TRUE\"\nscsi0.virtualDev = \"lsilogic\"\n", Disks: []handmade.Disk{{Data: data, Store: "other"}}}.Write(t, folder)
	l.OK("vbackup", "import", "ghettovcb", l.Path("volume"))
	out := "vmware:" + l.Dir
	for range 2 {
		l.OK("vbackup", "restore", "a [b] ü", out, "--verify", "--overwrite")
	}
	text := string(l.Bytes(l.Path("a [b] ü/a [b] ü.vmx")))
	if !strings.Contains(text, `guestinfo.mine = "kept"`) || !strings.Contains(text, `scsi0:0.fileName = "a [b] ü.vmdk"`) {
		t.Error(text)
	}
	if got := l.Bytes(l.Path("a [b] ü/a [b] ü-flat.vmdk")); !bytes.Equal(got, data) {
		t.Error("the disk is not what was imported")
	}
	l.OK("vbackup", "restore", "a [b] ü", out, "--verify", "--format", "streamOptimized", "--name", "packed")
	if text := string(l.Bytes(l.Path("packed/packed.ovf"))); !strings.Contains(text, "ovf:/disk/disk1") {
		t.Error(text)
	}
	try := func(code int, says, hint string, args ...string) {
		t.Helper()
		r := l.Run("vbackup", append([]string{"restore"}, args...)...)
		if r.Code != code || !strings.Contains(r.Err, says) || !strings.Contains(r.Err, hint) {
			t.Errorf("%q: exit code %d: %s", args, r.Code, r.Err)
		}
	}
	try(1, "exists", "--overwrite", "a [b] ü", out)
	try(2, "whole machine", "FILE.vmdk", "a [b] ü:scsi0-0", out)
	try(2, "vmware:/srv", "", "a [b] ü", "vmware:")
	try(2, "not qcow2", "", "a [b] ü", out, "--format", "qcow2")
	try(2, "without a server", "", "a [b] ü", out, "--storage", "x")
	try(2, "without a server", "", "a [b] ü", out, "--server", "x")
	try(2, "opposite", "", "a [b] ü", out, "--keep-ids", "--new-ids")
	try(1, "no such file or directory", "make the directory", "a [b] ü", out+"/none")
	if err := os.WriteFile(l.Path("a [b] ü/d.iso"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	try(1, "d.iso", "move it away", "a [b] ü", out, "--overwrite")
	l.Disk("disk.raw", 2)
	l.OK("vbackup", "backup", l.Path("disk.raw"))
	try(1, "without a machine's definition", "one by one", "disk", out)
}

// A restore that is interrupted leaves nothing, whatever it writes.
func TestRestoreFolderInterrupted(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	folder, _ := stamped(l.Path("volume"), "web01", 1)
	handmade.Machine{Name: "web01", Disks: []handmade.Disk{{Data: noise(48<<20, 4)}}}.Write(t, folder)
	l.OK("vbackup", "import", "ghettovcb", l.Path("volume"))
	interrupted := 0
	for i, kind := range []string{"flat", "2gbsparse", "thin"} {
		out := l.Path("out" + fmt.Sprint(i))
		if err := os.Mkdir(out, 0o755); err != nil {
			t.Fatal(err)
		}
		p := l.Start("vbackup", "restore", "web01", "vmware:"+out, "--format", kind, "--verify")
		clitest.Until(t, "it begins", func() bool { names, _ := os.ReadDir(out); return len(names) > 0 })
		time.Sleep(time.Duration(i*20) * time.Millisecond)
		r := p.End(syscall.SIGTERM)
		names, err := os.ReadDir(out)
		if err != nil || r.Code == 130 && len(names) != 0 || r.Code == 0 && len(names) != 1 {
			t.Errorf("exit code %d: %v, %v: %s", r.Code, names, err, r.Err)
		}
		if r.Code == 130 {
			interrupted++
		}
	}
	if interrupted == 0 {
		t.Error("none was interrupted in time")
	}
}
