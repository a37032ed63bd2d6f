package translate

import (
	"cmp"
	"slices"

	"github.com/vmware/govmomi/vim25/types"
	"libvirt.org/go/libvirtxml"
)

// A shelf is one of VMware's controllers on its way.
type shelf struct {
	place
	model string         // of SCSI, as .vmx files have it
	owner int            // number of libvirt's controller that it stands for, any for what comes from elsewhere
	used  map[int32]bool // units
}

// anyOwner: a controller for drives whose own VMware does not have.
const anyOwner = -1

// fits tells how many units a controller has, and which one is its own.
func (s *shelf) fits(unit int32) bool {
	limit := map[string]int32{"scsi": 16, "sata": 30, "nvme": 15, "ide": 2}[s.bus]
	return unit >= 0 && unit < limit && !s.used[unit] && (s.bus != "scsi" || unit != 7)
}

// take gives the wanted unit if it is free, else the next; false if there is none.
func (s *shelf) take(wanted int32) (int32, bool) {
	if !s.fits(wanted) {
		wanted = 0
		for !s.fits(wanted) {
			if wanted++; wanted > 64 {
				return 0, false
			}
		}
	}
	s.used[wanted] = true
	return wanted, true
}

// A berth is where a drive of libvirt's goes to.
type berth struct {
	bus, model string
	owner      int
	unit       int32
}

// drives plugs disks and CD-ROM drives in, in their order. All that is QEMU's own way, virtio first of all, becomes a PVSCSI
// controller's, whose driver Linux has; Windows has none, but one for LSI Logic SAS.
func (r *domainReader) drives() {
	var shelves []*shelf
	told := map[string]bool{}
	for i := range r.dom.Devices.Disks {
		d := &r.dom.Devices.Disks[i]
		if !r.wanted(d) {
			continue
		}
		b, why := r.berth(d)
		p, ok := r.shelve(&shelves, b)
		if !ok {
			r.note("%s is left out: there is no place for it", targetOf(d))
			continue
		}
		if why != "" && !told[why] {
			told[why] = true
			r.note("%s", why)
		}
		r.insert(d, p)
	}
}

// wanted tells which drives a machine of VMware's has: empty CD-ROM drives, and disks that the point has.
func (r *domainReader) wanted(d *libvirtxml.DomainDisk) bool {
	switch record, ok := r.m.Point.Disk(targetOf(d)); {
	case d.Device == "floppy":
		r.note("floppy drive %s is left out", targetOf(d))
		return false
	case d.Device == "cdrom":
		return true
	case !ok || !record.HasImage():
		r.note("%s is left out: the point has no image of it", targetOf(d))
		return false
	}
	return true
}

// berth chooses where a drive goes, and says why that is not where it was.
func (r *domainReader) berth(d *libvirtxml.DomainDisk) (b berth, why string) {
	bus := ""
	if d.Target != nil {
		bus = d.Target.Bus
	}
	a := new(libvirtxml.DomainAddressDrive)
	if d.Address != nil && d.Address.Drive != nil {
		a = d.Address.Drive
	}
	controller, on, target, unit := small(a.Controller), small(a.Bus), small(a.Target), small(a.Unit)
	switch model := r.scsiModel(bus, controller); {
	case bus == "ide":
		return berth{"ide", "", int(on), unit}, ""
	case bus == "sata":
		return berth{"sata", "", int(controller), unit}, ""
	case bus == "nvme":
		return berth{"nvme", "", int(controller), unit}, ""
	case model == "pvscsi":
		return berth{"scsi", model, int(controller), target}, ""
	case model != "":
		return berth{"scsi", model, int(controller), unit}, ""
	case d.Device == "cdrom":
		return berth{"sata", "", anyOwner, 0}, ""
	case r.windows:
		return berth{"scsi", "lsisas1068", anyOwner, 0}, "its disks on " + cmp.Or(bus, "virtio") + " are on an LSI Logic SAS controller, whose driver Windows has"
	}
	return berth{"scsi", "pvscsi", anyOwner, 0}, "its disks on " + cmp.Or(bus, "virtio") +
		" are on a PVSCSI controller: if the guest does not find them, its initramfs has to be made with the driver vmw_pvscsi"
}

// scsiModel is VMware's model of a SCSI controller of libvirt's, if it has the same.
func (r *domainReader) scsiModel(bus string, index int32) string {
	if bus != "scsi" {
		return ""
	}
	for _, c := range r.dom.Devices.Controllers {
		if c.Type != "scsi" || small(c.Index) != index || c.Model == "" {
			continue
		}
		for _, m := range scsiModels {
			if m.libvirt == c.Model {
				return m.vmx
			}
		}
	}
	return ""
}

// small is an optional number that is none if it makes no sense: it is a key to be.
func small(n *uint) int32 {
	if n == nil || *n > 1000 {
		return 0
	}
	return int32(*n)
}

// shelve finds a place, on a new controller if need be. Machines have four of each kind, of IDE the two that are there.
func (r *domainReader) shelve(all *[]*shelf, b berth) (place, bool) {
	number := int32(0)
	for _, s := range *all {
		if s.bus != b.bus {
			continue
		}
		number++
		if s.model == b.model && s.owner == b.owner {
			if unit, ok := s.take(b.unit); ok {
				return place{s.bus, s.number, unit}, true
			}
		}
	}
	if b.bus == "ide" {
		return r.shelveIDE(all, b)
	}
	if number == maxControllers {
		return place{}, false
	}
	s := &shelf{place: place{bus: b.bus, number: number}, model: b.model, owner: b.owner, used: map[int32]bool{}}
	*all = append(*all, s)
	r.controller(r.made(s), s.place)
	unit, _ := s.take(b.unit) // an empty one has room
	return place{s.bus, number, unit}, true
}

// shelveIDE takes what is free on the chipset's two channels.
func (r *domainReader) shelveIDE(all *[]*shelf, b berth) (place, bool) {
	for n := range int32(2) {
		if !slices.ContainsFunc(*all, func(s *shelf) bool { return s.bus == "ide" && s.number == n }) {
			*all = append(*all, &shelf{place: place{bus: "ide", number: n}, owner: int(n), used: map[int32]bool{}})
		}
	}
	for _, wanted := range []bool{true, false} {
		for _, s := range *all {
			if s.bus == "ide" && (s.owner == b.owner) == wanted {
				if unit, ok := s.take(b.unit); ok {
					return place{"ide", s.number, unit}, true
				}
			}
		}
	}
	return place{}, false
}

func (r *domainReader) made(s *shelf) types.BaseVirtualDevice {
	switch s.bus {
	case "sata":
		return new(types.VirtualAHCIController)
	case "nvme":
		return new(types.VirtualNVMEController)
	}
	for _, m := range scsiModels {
		if m.vmx == s.model {
			d := m.make()
			d.(types.BaseVirtualSCSIController).GetVirtualSCSIController().SharedBus = types.VirtualSCSISharingNoSharing
			return d
		}
	}
	return new(types.ParaVirtualSCSIController)
}

// insert adds the drive at its place.
func (r *domainReader) insert(d *libvirtxml.DomainDisk, p place) {
	name := targetOf(d)
	if d.Device == "cdrom" {
		r.cdrom(p, sourceOf(d))
		r.bootable(d.Boot, &types.VirtualMachineBootOptionsBootableCdromDevice{})
		return
	}
	disk := r.disk(p, string(types.VirtualDiskModePersistent))
	record, _ := r.m.Point.Disk(name)
	sized(disk, record.Size)
	r.Disks[name] = disk.Key
	r.bootable(d.Boot, &types.VirtualMachineBootOptionsBootableDiskDevice{DeviceKey: disk.Key})
	for _, s := range []struct {
		is   bool
		what string
	}{
		{d.ReadOnly != nil, "was read-only, and can be written to"},
		{d.Shareable != nil, "was shared with other machines, and is not any more"},
		{d.Transient != nil, "forgot what was written to it when the machine was switched off, and does so no more"},
		{d.IOTune != nil, "has no limits of speed any more"},
		{d.Serial != "" || d.WWN != "", "had a serial number that the guest saw, and has not any more: what it mounts by /dev/disk/by-id has to be told anew"},
	} {
		if s.is {
			r.note("%s %s", name, s.what)
		}
	}
}

// sourceOf names a medium, if it is one by a path.
func sourceOf(d *libvirtxml.DomainDisk) string {
	switch s := d.Source; {
	case s == nil:
	case s.File != nil:
		return s.File.File
	case s.Block != nil:
		return s.Block.Dev
	case s.Network != nil:
		return s.Network.Name
	case s.Volume != nil:
		return s.Volume.Pool + ":" + s.Volume.Volume
	}
	return ""
}
