package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

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
