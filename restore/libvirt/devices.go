package libvirt

import (
	"cmp"
	"fmt"

	"libvirt.org/go/libvirtxml"
)

// look names what the machine has of its host, and the host may not have.
func (d *definition) look() {
	for i, card := range d.Devices.Interfaces {
		switch s := card.Source; {
		case s == nil:
		case s.Network != nil && d.has(hasNetwork, s.Network.Network) != there:
			d.note("network card %d is on the network %s, which is not active there", i, s.Network.Network)
		case s.Bridge != nil:
			d.wired(i, "bridge", s.Bridge.Bridge)
		case s.Direct != nil:
			d.wired(i, "device", s.Direct.Dev)
		}
	}
	for _, h := range d.Devices.Hostdevs {
		d.note("it has %s of its host", hostDevice(&h))
	}
	for _, f := range d.Devices.Filesystems {
		if s := f.Source; s != nil && s.Mount != nil && s.Mount.Dir != "" {
			d.missing("%s %s, which %s", "it shares the directory", s.Mount.Dir)
		}
	}
	for _, t := range d.Devices.TPMs {
		if b := t.Backend; b != nil && b.Emulator != nil && b.Emulator.Encryption != nil {
			d.note("its TPM is encrypted: it needs the secret %s", b.Emulator.Encryption.Secret)
		}
		if b := t.Backend; b != nil && b.Passthrough != nil {
			d.note("it has the TPM of its host")
		}
	}
}

// wired looks after what a network card is connected to.
func (d *definition) wired(card int, kind, name string) {
	if p := d.has(hasDevice, name); p != there {
		d.note("network card %d is on the %s %s, which %s", card, kind, name, p)
	}
}

// hostDevice says what is passed through, as exactly as the definition does.
func hostDevice(h *libvirtxml.DomainHostdev) string {
	switch {
	case h.SubsysPCI != nil && h.SubsysPCI.Source != nil && h.SubsysPCI.Source.Address != nil:
		a := h.SubsysPCI.Source.Address
		return fmt.Sprintf("the PCI device %04x:%02x:%02x.%x", value(a.Domain), value(a.Bus), value(a.Slot), value(a.Function))
	case h.SubsysUSB != nil && h.SubsysUSB.Source != nil:
		s := h.SubsysUSB.Source
		if s.Vendor != nil && s.Product != nil {
			return fmt.Sprintf("the USB device %s:%s", s.Vendor.ID, s.Product.ID)
		}
		return "a USB device"
	case h.SubsysMDev != nil && h.SubsysMDev.Source != nil && h.SubsysMDev.Source.Address != nil:
		return "the mediated device " + h.SubsysMDev.Source.Address.UUID
	case h.SubsysSCSI != nil, h.SubsysSCSIHost != nil:
		return "a SCSI device"
	}
	return "a device"
}

func value(n *uint) uint { return *cmp.Or(n, new(uint)) }
