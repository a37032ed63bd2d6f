package handmade

import (
	"fmt"
	"strings"
)

// UUID is the one of all domains made here.
const UUID = "6f2b7c1e-2f3a-4d58-9c60-0b8c5f1e7a11"

// Domain writes a domain's XML, of disks of format qcow2, or DISK=FORMAT.
func Domain(t TB, dir, ident, name string, disks ...string) {
	t.Helper()
	var x strings.Builder
	fmt.Fprintf(&x, "<domain type='qemu'><name>%s</name><uuid>%s</uuid>", name, UUID)
	x.WriteString("<os><loader>/usr/share/OVMF/CODE.fd</loader><nvram>/var/lib/libvirt/nvram/VARS.fd</nvram></os><devices>")
	for _, d := range disks {
		target, format, ok := strings.Cut(d, "=")
		if !ok {
			format = "qcow2"
		}
		fmt.Fprintf(&x, "<disk type='file' device='disk'><driver name='qemu' type='%s'/><source file='/i/%s'/>"+
			"<target dev='%s' bus='virtio'/><blockio logical_block_size='512' physical_block_size='4096'/></disk>", format, target, target)
	}
	x.WriteString("<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><target dev='sda' bus='sata'/></disk>")
	x.WriteString("</devices></domain>\n")
	File(t, dir, "vmconfig."+ident+".xml", []byte(x.String()))
}

// Checkpoint writes a checkpoint's XML, made at a time for some disks.
func Checkpoint(t TB, dir, name string, created int64, disks ...string) {
	t.Helper()
	var x strings.Builder
	fmt.Fprintf(&x, "<domaincheckpoint><name>%s</name><creationTime>%d</creationTime><disks>", name, created)
	for _, d := range disks {
		fmt.Fprintf(&x, "<disk name='%s' checkpoint='bitmap' bitmap='%s'/>", d, name)
	}
	x.WriteString("<disk name='vdz' checkpoint='no'/></disks></domaincheckpoint>\n")
	File(t, dir, "checkpoints/"+name+".xml", []byte(x.String()))
}
