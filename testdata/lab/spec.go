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

	Guest bool // a Linux runs in it: see Domain.Run
	Awake bool // without a guest it is let run, and halts in its firmware
	Off   bool // it is defined, and not started

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

	ReadOnly  bool
	Shareable bool
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

var domainXML = template.Must(template.Must(template.New("disk").Parse(diskText)).New("domain").Parse(domainText))

// text is XML for libvirt's domain (https://libvirt.org/formatdomain.html).
func text(name string, of any) (string, error) {
	var b strings.Builder
	err := domainXML.ExecuteTemplate(&b, name, of)
	return b.String(), err
}
