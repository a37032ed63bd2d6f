package translate

import (
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
	"libvirt.org/go/libvirtxml"
)

// bootOrder numbers what the machine may start from: what it was told to, then its disks, its CD-ROM drives, and its network cards
// if it was told nothing.
func (w *domainWriter) bootOrder() {
	var order []**libvirtxml.DomainDeviceBoot
	add := func(b **libvirtxml.DomainDeviceBoot) {
		if !slices.Contains(order, b) {
			order = append(order, b)
		}
	}
	var told []types.BaseVirtualMachineBootOptionsBootableDevice
	if w.c.BootOptions != nil {
		told = w.c.BootOptions.BootOrder
	}
	for _, b := range told {
		w.bootable(b, add)
	}
	w.drivesOf("disk", add)
	w.drivesOf("cdrom", add)
	if len(told) == 0 {
		for i := range w.Devices.Interfaces {
			add(&w.Devices.Interfaces[i].Boot)
		}
	}
	for n, b := range order {
		*b = &libvirtxml.DomainDeviceBoot{Order: uint(n + 1)}
	}
}

func (w *domainWriter) drivesOf(device string, add func(**libvirtxml.DomainDeviceBoot)) {
	for i := range w.Devices.Disks {
		if d := &w.Devices.Disks[i]; d.Device == device {
			add(&d.Boot)
		}
	}
}

// bootable finds what an entry of VMware's order means.
func (w *domainWriter) bootable(b types.BaseVirtualMachineBootOptionsBootableDevice, add func(**libvirtxml.DomainDeviceBoot)) {
	switch b := b.(type) {
	case *types.VirtualMachineBootOptionsBootableDiskDevice:
		for i := range w.Devices.Disks {
			if w.Devices.Disks[i].Target.Dev == w.targets[b.DeviceKey] {
				add(&w.Devices.Disks[i].Boot)
			}
		}
	case *types.VirtualMachineBootOptionsBootableCdromDevice:
		w.drivesOf("cdrom", add)
	case *types.VirtualMachineBootOptionsBootableEthernetDevice:
		for i, c := range cards(w.c) {
			if c.GetVirtualDevice().Key == b.DeviceKey {
				add(&w.Devices.Interfaces[i].Boot)
			}
		}
	}
}

// leave names what of the machine as such libvirt gets no word of.
func (w *domainWriter) leave() {
	for _, s := range []struct {
		is   bool
		what string
	}{
		{isTrue(w.c.CpuHotAddEnabled) || isTrue(w.c.MemoryHotAddEnabled), "processors or memory cannot be added while it runs any more"},
		{limited(w.c.CpuAllocation) || limited(w.c.MemoryAllocation), "its reservations and limits of processors and memory are left out"},
		{w.c.VAppConfig != nil, "its vApp properties are left out"},
		{w.c.KeyId != nil, "it was encrypted, and is not any more"},
		{isTrue(w.c.SevEnabled) || w.c.SgxInfo != nil && w.c.SgxInfo.EpcSize > 0, "its memory was protected by SEV or SGX, and is not any more"},
	} {
		if s.is {
			w.note("%s", s.what)
		}
	}
	if keys := w.settings(); len(keys) > 0 {
		w.note("settings that only VMware knows are left out: %s", strings.Join(keys, ", "))
	}
}

func limited(a *types.ResourceAllocationInfo) bool {
	return a != nil && (a.Reservation != nil && *a.Reservation > 0 || a.Limit != nil && *a.Limit > 0)
}

// plain are beginnings of settings, in lower case, that VMware writes into every machine, or that are of its devices.
var plain = []string{"pcibridge", "svga.", "hpet0.", "vmci0.", "tools.", "toolsinstallmanager.", "vmware.tools.", "numa.", "sched.", "scsi", "sata", "ide", "nvme",
	"ethernet", "usb", "ehci", "virtualhw.", "vmxstats.", "monitor.", "chipset.", "vmotion.", "softpoweroff", "cleanshutdown", "disk.enableuuid", "guestinfo.detailed",
	"guestinfo.appinfo", "guestinfo.vmtools", "config.readonly", "mks.", "rtc.", "floppy", "serial", "sound", "gui.", "powertype.", "log", "isolation.", "remotedisplay."}

// settings are those of somebody who wanted something by them.
func (w *domainWriter) settings() (keys []string) {
	for _, o := range w.c.ExtraConfig {
		v := o.GetOptionValue()
		key := strings.ToLower(v.Key)
		if key == "disk.enableuuid" && v.Value != nil && strings.EqualFold(toText(v.Value), "true") {
			w.note("its disks had UUIDs that the guest saw (disk.EnableUUID), and have not any more: what it mounts by /dev/disk/by-id has to be told anew")
		}
		if key != "" && toText(v.Value) != "" && !ofHost(key) && !slices.ContainsFunc(plain, func(p string) bool { return strings.HasPrefix(key, p) }) {
			keys = append(keys, v.Key)
		}
	}
	return keys
}
