package translate

import (
	"cmp"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
	"libvirt.org/go/libvirtxml"
)

// A drive is a disk or CD-ROM drive on its way to libvirt.
type drive struct {
	device     types.BaseVirtualDevice
	at         place
	controller types.BaseVirtualDevice // nil if it is not known

	bus, model string // of libvirt
	index      uint   // of the controller
	unit       uint
}

// storage plugs all drives in, and makes the controllers that they need.
//
// What a guest of VMware's can boot from under QEMU 7.2: PVSCSI and LSI SAS 1068 are there as VMware has them, so are AHCI and IDE. QEMU's
// lsilogic is a 53C895A, not the 53C1030 of VMware's LSI Logic Parallel, and takes another driver; of BusLogic there is nothing, and NVMe
// libvirt 9 cannot define. Every machine of VMware's has the IDE controllers of its chipset, so that their driver is in the guest: drives
// of those go there as long as there is room, and else to SATA.
func (w *domainWriter) storage() {
	drives := w.drives()
	ide := w.OS.Type.Machine == "pc" && ideHolds(drives)
	for _, d := range drives {
		d.model, d.bus = w.bus(d, ide)
	}
	for _, d := range slices.SortedStableFunc(slices.Values(drives), func(a, b *drive) int { return cmp.Compare(a.comes(), b.comes()) }) {
		d.index, d.unit = w.slot(d.bus, d.model, d.owner(), d.wanted())
	}
	told := map[string]bool{}
	for _, d := range drives {
		if text := d.moved(); text != "" && !told[text] {
			told[text] = true
			w.note("%s", text)
		}
		w.plug(d)
	}
	w.controllers()
}

// drives of the machine, in the order that VMware's firmware has them in: by their keys.
func (w *domainWriter) drives() (out []*drive) {
	for _, d := range w.c.Hardware.Device {
		switch d.(type) {
		case *types.VirtualDisk, *types.VirtualNVDIMM, *types.VirtualCdrom:
		default:
			continue
		}
		v := d.GetVirtualDevice()
		one := &drive{device: d, at: placeOf(v, w.c.Hardware.Device)}
		for _, c := range w.c.Hardware.Device {
			if c.GetVirtualDevice().Key == v.ControllerKey {
				one.controller = c
			}
		}
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b *drive) int {
		return cmp.Compare(a.device.GetVirtualDevice().Key, b.device.GetVirtualDevice().Key)
	})
	return out
}

// foreign tells whether QEMU has no such SCSI controller as the drive was on.
func (d *drive) foreign() bool {
	if d.at.bus != "scsi" {
		return false
	}
	m, _ := modelOf(d.controller, scsiModels)
	return m.libvirt == ""
}

// comes sorts those that have to look for a place behind those that keep theirs.
func (d *drive) comes() int {
	if d.at.bus != d.bus {
		return 1
	}
	return 0
}

// ideHolds tells whether the four places on IDE suffice for those that are there and those that look for one.
func ideHolds(drives []*drive) bool {
	n := 0
	for _, d := range drives {
		if d.at.bus == "ide" || d.foreign() {
			n++
		}
	}
	return n <= 4
}

// bus chooses the one that a drive goes to.
func (w *domainWriter) bus(d *drive, ide bool) (model, bus string) {
	switch {
	case d.at.bus == "scsi" && !d.foreign():
		m, _ := modelOf(d.controller, scsiModels)
		return m.libvirt, "scsi"
	case d.at.bus == "ide" && w.OS.Type.Machine == "pc", d.foreign() && ide:
		return "", "ide"
	}
	return "", "sata"
}

// moved says why a drive is not where it was.
func (d *drive) moved() string {
	if d.at.bus == d.bus {
		return ""
	}
	to := map[string]string{"ide": "IDE", "sata": "SATA"}[d.bus]
	switch {
	case d.at.bus == "ide":
		return "its IDE drives are on SATA: a machine with Secure Boot has no IDE"
	case d.controller == nil:
		return d.at.String() + " is on " + to + ": the recorded definition does not tell what it was on"
	case d.at.bus == "scsi":
		name := map[string]string{"lsilogic": "LSI Logic Parallel", "buslogic": "BusLogic"}
		m, _ := modelOf(d.controller, scsiModels)
		return "disks of the " + cmp.Or(name[m.vmx], class(d.controller)) + " controller are on " + to + ": QEMU has no such controller"
	case d.at.bus == "nvme":
		return "NVMe disks are on " + to + ": libvirt cannot make NVMe disks of images"
	}
	return d.at.String() + " (" + class(d.device) + ") is a disk on " + to
}

// plug adds a drive.
func (w *domainWriter) plug(d *drive) {
	dev := w.target(d.bus)
	w.targets[d.device.GetVirtualDevice().Key] = dev
	disk := libvirtxml.DomainDisk{
		Device: "disk", Target: &libvirtxml.DomainDiskTarget{Dev: dev, Bus: d.bus},
		Driver:  &libvirtxml.DomainDiskDriver{Name: "qemu"},
		Address: address(d),
	}
	switch v := d.device.(type) {
	case *types.VirtualCdrom:
		disk.Device, disk.ReadOnly = "cdrom", &libvirtxml.DomainDiskReadOnly{}
		if m := medium(v); m != "" {
			w.note("%s is empty: its medium was %s", dev, m)
		}
	case *types.VirtualDisk:
		disk.Driver.Discard = discard(v)
		if mode := diskMode(v); strings.HasSuffix(mode, "nonpersistent") {
			w.note("%s forgot what was written to it when the machine was switched off, and does so no more", dev)
		}
	}
	if c, ok := d.controller.(types.BaseVirtualSCSIController); ok {
		if shared := c.GetVirtualSCSIController().SharedBus; shared != "" && shared != types.VirtualSCSISharingNoSharing {
			w.note("%s was shared with other machines, and is not any more", dev)
		}
	}
	w.Devices.Disks = append(w.Devices.Disks, disk)
}

// owner is the controller that a drive stays on.
func (d *drive) owner() int32 {
	if d.at.bus != d.bus || d.bus == "ide" || d.controller == nil {
		return 0
	}
	return d.controller.GetVirtualDevice().Key
}

// wanted is the unit that a drive keeps if it stays on its bus.
func (d *drive) wanted() uint {
	switch {
	case d.at.bus != d.bus || d.at.number < 0 || d.at.unit < 0:
		return 0
	case d.bus == "ide" && d.at.unit < 2:
		return uint(d.at.number)*2 + uint(d.at.unit)
	}
	return uint(d.at.unit)
}

// discard lets a thin disk stay thin.
func discard(d *types.VirtualDisk) string {
	if b, ok := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok && isTrue(b.ThinProvisioned) {
		return "unmap"
	}
	return ""
}
