package translate

import (
	"slices"

	"libvirt.org/go/libvirtxml"
)

// A bus is one of libvirt's controllers on its way.
type bus struct {
	kind, model string
	owner       int32         // key of the controller that it stands for, 0 is the chipset's, or any
	used        map[uint]bool // units; of IDE two are on a channel
}

// capacity of one controller: of IDE two channels of two drives, of AHCI six ports, of QEMU's mptsas1068 eight targets and of its
// pvscsi sixty-four (hw/scsi/mptsas.h and hw/scsi/vmw_pvscsi.c, MAX_DEVS).
func (b *bus) capacity() uint {
	switch {
	case b.kind == "ide":
		return 4
	case b.kind == "sata":
		return 6
	case b.model == "lsisas1068":
		return 8
	}
	return 64
}

// take gives a unit: the wanted one if it is free, else the next; false if there is none.
func (b *bus) take(wanted uint) (uint, bool) {
	n := b.capacity()
	if wanted >= n || b.used[wanted] {
		for wanted = 0; b.used[wanted]; wanted++ {
		}
	}
	if wanted >= n {
		return 0, false
	}
	b.used[wanted] = true
	return wanted, true
}

// slot finds a place for a drive on controllers that stand for its own, or on any for one that comes from elsewhere.
func (w *domainWriter) slot(kind, model string, owner int32, wanted uint) (controller, unit uint) {
	for _, b := range w.buses {
		if b.kind != kind {
			continue
		}
		if b.model == model && (b.owner == owner || owner == 0) {
			if unit, ok := b.take(wanted); ok {
				return controller, unit
			}
		}
		controller++
	}
	b := &bus{kind: kind, model: model, owner: owner, used: map[uint]bool{}}
	w.buses = append(w.buses, b)
	unit, _ = b.take(wanted) // an empty one has room
	return controller, unit
}

// controllers adds those that drives are on, in their order: an address goes by it.
func (w *domainWriter) controllers() {
	next := map[string]uint{}
	for _, b := range w.buses {
		index := next[b.kind]
		next[b.kind]++
		w.Devices.Controllers = append(w.Devices.Controllers, libvirtxml.DomainController{Type: b.kind, Index: &index, Model: b.model})
	}
}

// address of a drive, as libvirt's element has it: a PVSCSI controller's units are targets, of one unit each.
func address(d *drive) *libvirtxml.DomainAddress {
	var bus, target uint
	unit := d.unit
	switch {
	case d.bus == "ide":
		bus, unit = unit/2, unit%2
	case d.model == "vmpvscsi":
		target, unit = unit, 0
	}
	return &libvirtxml.DomainAddress{Drive: &libvirtxml.DomainAddressDrive{Controller: &d.index, Bus: &bus, Target: &target, Unit: &unit}}
}

// target names the next drive of a kind as the kernel would: sda, sdb, … sdz, sdaa.
func (w *domainWriter) target(kind string) string {
	prefix := "sd"
	if kind == "ide" {
		prefix = "hd"
	}
	for n := 0; ; n++ {
		name := prefix + letters(n)
		if !slices.ContainsFunc(w.Devices.Disks, func(d libvirtxml.DomainDisk) bool { return d.Target.Dev == name }) {
			return name
		}
	}
}

func letters(n int) string {
	s := ""
	for n++; n > 0; n /= 26 {
		n--
		s = string(rune('a'+n%26)) + s
	}
	return s
}
