package lab

import (
	_ "embed"
	"strings"
	"text/template"
)

// A Spec says what a domain is made of. Its zero value is a domain without disks that stands still at its first
// instruction, which libvirt calls paused: what its disks hold is for Domain.Write and its kin to say.
type Spec struct {
	Name  string // "" is vm
	Disks []Disk

	Guest bool // a Linux runs in it, booted from a kernel and an initrd: see Domain.Run
	Agent bool // there is a channel for the guest's agent; a guest has QEMU's own run, until it is told to kill qemu-ga
	Awake bool // without a guest it is let run, and halts in its firmware
	Off   bool // it is defined, and not started

	UEFI bool // OVMF, with variables in Domain.NVRAM
	TPM  bool // swtpm, with its state in /var/lib/libvirt/swtpm/UUID: Host.Dir/lib/swtpm/UUID from outside

	Devices string // XML that is put into <devices> as it is
}

// A Disk is one of a domain's. Its target tells its bus: vd… is virtio, sd… is SCSI, hd… is IDE.
type Disk struct {
	Target  string
	Format  string // "" is qcow2
	Size    int64  // bytes; 0 is as many as Content has
	Content []byte // from offset 0 on; of the rest, and where it has zeros, the image is thin
	Path    string // "" is Host.Dir/images/NAME-TARGET.FORMAT; what is there already is taken as it is

	Ext4 bool // it is made with such a file system on the whole of it, which a guest mounts on /mnt/TARGET
	Loop bool // a raw file by way of a loop device: what a host passes through to a guest

	CDROM     bool // without a Path, an empty drive
	ReadOnly  bool
	Shareable bool // raw, as libvirt demands
}

// Bus is what the disk is attached to.
func (d *Disk) Bus() string {
	switch d.Target[:2] {
	case "sd":
		return "scsi"
	case "hd":
		return "ide"
	}
	return "virtio"
}

//go:embed domain.xml
var domainText string

//go:embed disk.xml
var diskText string

var templates = template.Must(template.Must(template.New("disk").Parse(diskText)).New("domain").Parse(domainText))

// render makes XML for libvirt (https://libvirt.org/formatdomain.html).
func render(name string, of any) (string, error) {
	var b strings.Builder
	err := templates.ExecuteTemplate(&b, name, of)
	return b.String(), err
}
