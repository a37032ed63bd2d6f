package libvirt

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"libvirt.org/go/libvirtxml"
)

// attach puts the new images in the place of the recorded disks, and takes care of those that the point has not.
func (d *definition) attach() {
	var disks []libvirtxml.DomainDisk
	for _, disk := range d.Devices.Disks {
		if to, ok := d.disks[target(&disk)]; ok {
			if encrypted(&disk) {
				d.note("%s was encrypted and is restored in the clear", target(&disk))
			}
			flatten(&disk, to)
		} else if !d.left(&disk) {
			continue
		}
		disks = append(disks, disk)
	}
	d.Devices.Disks = disks
}

func target(disk *libvirtxml.DomainDisk) string {
	if disk.Target == nil {
		return ""
	}
	return disk.Target.Dev
}

func encrypted(disk *libvirtxml.DomainDisk) bool {
	return disk.Encryption != nil || disk.Source != nil && disk.Source.Encryption != nil
}

// flatten makes the disk one that lies in a file with nothing below it. How the guest sees it stays.
func flatten(disk *libvirtxml.DomainDisk, to file) {
	disk.Source = &libvirtxml.DomainDiskSource{File: &libvirtxml.DomainDiskSourceFile{File: to.path}}
	disk.BackingStore, disk.Mirror, disk.Auth, disk.Encryption = nil, nil, nil, nil
	if disk.Device == "lun" { // passes SCSI commands on to a device that there is none of any more
		disk.Device, disk.RawIO, disk.SGIO = "disk", "", ""
	}
	if disk.Driver == nil {
		disk.Driver = &libvirtxml.DomainDiskDriver{}
	}
	disk.Driver.Name, disk.Driver.Type = "qemu", to.format
	if to.format != "qcow2" {
		disk.Driver.MetadataCache, disk.Driver.DiscardNoUnref = nil, ""
	}
}

// left tells whether a disk that the point has no image of stays. Media that is not there any more is ejected. Two machines
// that write to one disk destroy it, so that the recorded machine's disks do not become another's, too.
func (d *definition) left(disk *libvirtxml.DomainDisk) bool {
	where := place(disk)
	found := absent
	if strings.HasPrefix(where, "/") {
		found = d.has(hasFile, where)
	}
	switch {
	case disk.Device == "cdrom" || disk.Device == "floppy":
		d.medium(disk, found)
		return true
	case found != there:
		d.note("%s is left out: the point has no image of it, and %s %s", target(disk), cmp.Or(where, "what it lay on"), found)
		return false
	case d.fresh && disk.ReadOnly == nil && disk.Shareable == nil:
		d.note("%s is left out: the point has no image of it, and %s is the recorded machine's", target(disk), where)
		return false
	}
	d.note("%s is %s as it is now: the point has no image of it", target(disk), where)
	return true
}

// medium looks after what is in a drive. Of what is not seen, libvirt finds out when the machine starts: docs/formatdomain,
// "startupPolicy".
func (d *definition) medium(disk *libvirtxml.DomainDisk, found presence) {
	switch {
	case found == there:
	case blank(disk):
		disk.Source, disk.BackingStore = nil, nil
	case found == unseen:
		d.note("the medium of %s, %s, %s: if it is not there when the machine starts, the drive is empty", target(disk), place(disk), found)
		disk.Source.StartupPolicy = "optional"
	default:
		d.note("%s is empty: its medium %s %s", target(disk), cmp.Or(place(disk), "on the network"), found)
		disk.Source, disk.BackingStore = nil, nil
	}
}

// blank tells whether a drive has no medium.
func blank(disk *libvirtxml.DomainDisk) bool {
	s := disk.Source
	return s == nil || s.File != nil && s.File.File == "" || s.Block != nil && s.Block.Dev == ""
}

// place is the path of a disk's source, or what names it; empty if that is no single name.
func place(disk *libvirtxml.DomainDisk) string {
	switch s := disk.Source; {
	case s == nil:
		return ""
	case s.File != nil:
		return s.File.File
	case s.Block != nil:
		return s.Block.Dev
	case s.Dir != nil:
		return s.Dir.Dir
	case s.Volume != nil:
		return s.Volume.Pool + ":" + s.Volume.Volume
	}
	return ""
}

// adopt adds the disks of the point that the inactive definition does not have: those that were plugged in while the
// machine ran.
func (d *definition) adopt(live string) error {
	missing := maps.Clone(d.disks)
	for i := range d.Devices.Disks {
		delete(missing, target(&d.Devices.Disks[i]))
	}
	if len(missing) == 0 {
		return nil
	}
	running := &libvirtxml.Domain{Devices: &libvirtxml.DomainDeviceList{}}
	if live != "" {
		var err error
		if running, err = parse(live); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		disk := plugged(running, name)
		flatten(&disk, missing[name])
		d.Devices.Disks = append(d.Devices.Disks, disk)
		d.note("%s was plugged in while the machine ran, and is part of it from now on", name)
	}
	return nil
}

// plugged is a disk of the running machine, without the places that libvirt gave it.
func plugged(running *libvirtxml.Domain, name string) libvirtxml.DomainDisk {
	for _, disk := range running.Devices.Disks {
		if target(&disk) == name {
			disk.Alias, disk.Address = nil, nil
			return disk
		}
	}
	return libvirtxml.DomainDisk{Device: "disk", Target: &libvirtxml.DomainDiskTarget{Dev: name}}
}
