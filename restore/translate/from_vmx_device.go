package translate

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// cards reads network cards. Those that do not say what they are, are what VMware makes for a 64 bit guest.
func (r *vmxReader) cards() {
	for _, p := range r.present("ethernet", false) {
		at := fmt.Sprintf("ethernet%d.", p.number)
		m, unknown := r.model(cardModels, at, "e1000")
		if unknown != "" {
			r.note("network card %d is an E1000: what a %s is, is not known", p.number, unknown)
		}
		mac, kind := r.text(at+"generatedAddress"), string(types.VirtualEthernetCardMacTypeAssigned)
		if strings.EqualFold(r.text(at+"addressType"), "static") {
			mac, kind = r.text(at+"address"), string(types.VirtualEthernetCardMacTypeManual)
		}
		for _, key := range []string{"generatedAddressOffset", "checkMACAddress", "address", "connectionType"} {
			r.text(at + key)
		}
		c := r.card(m, mac, kind, r.text(at+"networkName"))
		c.Connectable = &types.VirtualDeviceConnectInfo{StartConnected: true, AllowGuestControl: true}
		if key := at + "startConnected"; r.Has(key) {
			c.Connectable.StartConnected = r.is(key)
		}
		if id := r.text(at + "dvs.portgroupId"); id != "" {
			c.Backing = &types.VirtualEthernetCardDistributedVirtualPortBackingInfo{
				Port: types.DistributedVirtualSwitchPortConnection{PortgroupKey: id, SwitchUuid: uuidFromVMX(r.text(at + "dvs.switchId"))}}
		}
	}
}

// others are serial ports, USB, sound, and what no point can bring along.
func (r *vmxReader) others() {
	r.video(r.number("svga.vramSize", 0, 1<<30, 16<<20) >> 10)
	r.is("svga.present")
	if r.is("usb.present") {
		r.add(&types.VirtualUSBController{EhciEnabled: types.NewBool(r.is("ehci.present"))}, 7000, keyPCI)
	}
	if r.is("usb_xhci.present") {
		r.add(new(types.VirtualUSBXHCIController), 14000, keyPCI)
	}
	if r.is("sound.present") && r.text("sound.virtualDev") == "hdaudio" {
		r.add(new(types.VirtualHdAudioCard), 5000, keyPCI)
	}
	if r.is("vtpm.present") {
		r.add(new(types.VirtualTPM), 11000, 0)
	}
	for _, p := range r.present("serial", false) {
		at := fmt.Sprintf("serial%d.", p.number)
		file := r.text(at + "fileName")
		if !strings.EqualFold(r.text(at+"fileType"), "network") {
			r.note("serial port %d is left out: it was connected to %q of its host", p.number, file)
			continue
		}
		s := r.serial(file, cmp.Or(r.text(at+"network.endPoint"), "server"))
		s.YieldOnPoll = r.is(at + "yieldOnMsrRead")
	}
	for _, p := range r.present("pcipassthru", false) {
		r.note("PCI device %d of its host is left out", p.number)
	}
	for _, p := range r.present("floppy", false) {
		r.note("floppy drive %d is left out", p.number)
	}
}

// order reads what the machine starts from: bios.bootOrder of kinds, bios.hddOrder of disks.
func (r *vmxReader) order() {
	at := map[string]int32{}
	for key, p := range places(r.Config) {
		at[p.vmx()] = key
	}
	for kind := range strings.SplitSeq(r.text("bios.bootOrder"), ",") {
		kind = strings.ToLower(strings.TrimSpace(kind))
		switch {
		case kind == "hdd":
			for disk := range strings.SplitSeq(r.text("bios.hddOrder"), ",") {
				if key, ok := at[strings.TrimSpace(disk)]; ok {
					r.startsFrom(&types.VirtualMachineBootOptionsBootableDiskDevice{DeviceKey: key})
				}
			}
		case kind == "cdrom":
			r.startsFrom(&types.VirtualMachineBootOptionsBootableCdromDevice{})
		case strings.HasPrefix(kind, "ethernet"):
			for n, c := range cards(r.Config) {
				if kind == fmt.Sprintf("ethernet%d", n) {
					r.startsFrom(&types.VirtualMachineBootOptionsBootableEthernetDevice{DeviceKey: c.GetVirtualDevice().Key})
				}
			}
		}
	}
}
