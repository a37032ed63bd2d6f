package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"vbfs/cmd/internal/clitest"
	"vbfs/ingest/ghettovcb/handmade"
	vms "vbfs/testdata/lab"
	"vbfs/testdata/vsim"
)

// A machine captured from vSphere starts under libvirt, with the disks of the point in their places.
func TestVSphereBecomesLibvirts(t *testing.T) {
	t.Parallel()
	h := vms.Start(t)
	l := newVMware(t)
	boot, data := append(vms.BootSector("web01 is up"), noise(3<<20, 1)...), noise(1<<20, 2)
	m := l.h.Add(vsim.Spec{Name: "web01", BIOS: true, Annotation: "shop", Disks: []vsim.Disk{
		{Size: 8 << 20, Content: boot}, {Size: 4 << 20, Content: data}, {Size: 2 << 20, Content: data[:1<<20], On: "sata"},
	}})
	l.OK("vbackup", l.account("backup", "vsphere:web01", "--transport", "https")...)
	storage := l.Path("images")
	if err := os.Mkdir(storage, 0o755); err != nil {
		t.Fatal(err)
	}
	s := summary(t, l.Lab, l.OK("vbackup", "restore", "web01", "libvirt:", "--connect", h.URI(), "--name", "shop", "--storage", storage, "--verify", "--json"))
	disks := map[string]string{}
	for _, d := range s["disks"].([]any) {
		d := d.(map[string]any)
		disks[d["name"].(string)] = d["path"].(string)
	}
	xml := h.Virsh("dumpxml", "shop")
	for name, target := range map[string]string{"scsi0-0": "sda", "scsi0-1": "sdb", "sata0-0": "sdc"} {
		raw := l.Path(target)
		if out, err := h.Command("qemu-img", "convert", "-O", "raw", disks[name], raw).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if string(l.Bytes(raw)) != string(m.Frozen(name)) {
			t.Errorf("%s is not what was frozen", name)
		}
		if !strings.Contains(xml, fmt.Sprintf("<source file='%s'/>\n      <target dev='%s'", disks[name], target)) {
			t.Errorf("%s is not %s: %s", name, target, xml)
		}
	}
	if warnings := fmt.Sprint(s["warnings"]); !strings.Contains(warnings, "scsi0-0 sda, scsi0-1 sdb, sata0-0 sdc") || !strings.Contains(xml, "<description>shop") {
		t.Errorf("%s: %s", warnings, xml)
	}
	h.Boots("shop", "web01 is up")
}

// A backup of ghettoVCB's starts under libvirt.
func TestGhettoVCBBecomesLibvirts(t *testing.T) {
	t.Parallel()
	h := vms.Start(t)
	l := clitest.NewPlain(t)
	boot, data := append(vms.BootSector("old01 is up"), noise(1<<20, 1)...), noise(1<<20, 2)
	folder, point := stamped(l.Path("volume"), "old01", 1)
	handmade.Machine{Name: "old01", Disks: []handmade.Disk{{Data: boot, Format: "2gbsparse"}, {Data: data, Format: "thin"}}, NVRAM: []byte("VMware's"),
		Config: "scsi0.present = \"TRUE\"\nscsi0.virtualDev = \"lsisas1068\"\n"}.Write(t, folder)
	l.OK("vbackup", "import", "ghettovcb", l.Path("volume"))
	storage := l.Path("images")
	if err := os.Mkdir(storage, 0o755); err != nil {
		t.Fatal(err)
	}
	s := summary(t, l, l.OK("vbackup", "restore", point, "libvirt:", "--connect", h.URI(), "--storage", storage, "--format", "raw", "--verify", "--json"))
	for i, want := range [][]byte{boot, data} {
		if got := l.Bytes(s["disks"].([]any)[i].(map[string]any)["path"].(string)); !bytes.Equal(got, want) {
			t.Errorf("disk %d has %d bytes, and not those of the backup", i, len(got))
		}
	}
	h.Boots("old01", "old01 is up")
}

// A machine of libvirt's comes to vSphere, with the disks of the point in their places, and back.
func TestLibvirtsBecomesVSphere(t *testing.T) {
	t.Parallel()
	h := vms.Start(t)
	l := newVMware(t)
	vddk := l.h.VDDK()
	boot, data := append(vms.BootSector("shop is up"), noise(1<<20, 3)...), noise(1<<20, 4)
	d := h.Domain(vms.Spec{Name: "shop", Disks: []vms.Disk{{Target: "vda", Size: 4 << 20, Content: boot}, {Target: "vdb", Size: 2 << 20, Content: data, Format: "raw"}},
		Devices: "<interface type='user'><mac address='52:54:00:11:22:33'/><model type='virtio'/></interface>"})
	l.OK("vbackup", "backup", "libvirt:shop", "--connect", h.URI())
	want := d.Contents("vda", "vdb")
	for transport, name := range map[string]string{"vddk": "by-library", "nfc": "by-stream"} {
		args := l.account("restore", "shop", "vsphere:/DC0/vm/moved/"+name, "--transport", transport, "--cluster", "DC0_C0", "--storage", "fast", "--vddk-plugin", vddk.Plugin, "--vddk-libdir", vddk.LibDir)
		r := l.OK("vbackup", args...)
		m := l.h.Machine(name)
		for target, at := range map[string]string{"vda": "scsi0-0", "vdb": "scsi0-1"} {
			if !bytes.Equal(m.Content(at), want[target]) {
				t.Errorf("%s of %s is not %s", at, name, target)
			}
		}
		if !strings.Contains(r.Err, "are on a PVSCSI controller") {
			t.Errorf("%s", r.Err)
		}
	}
	l.OK("vbackup", l.account("backup", "vsphere:by-library", "--transport", "https")...)
	storage := l.Path("images")
	if err := os.Mkdir(storage, 0o755); err != nil {
		t.Fatal(err)
	}
	l.OK("vbackup", "restore", "by-library", "libvirt:", "--connect", h.URI(), "--storage", storage)
	h.Boots("by-library", "shop is up")
}
