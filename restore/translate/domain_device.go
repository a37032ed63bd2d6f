package translate

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
	"libvirt.org/go/libvirtxml"
)

// device adds one that is not for storage, or a note.
func (w *domainWriter) device(d types.BaseVirtualDevice) {
	switch d := d.(type) {
	case *types.VirtualDisk, *types.VirtualCdrom, *types.VirtualNVDIMM, *types.VirtualNVDIMMController, *types.VirtualNVMEController,
		types.BaseVirtualSCSIController, types.BaseVirtualSATAController: // storage
	case *types.VirtualUSBController:
		w.usb("piix3-uhci")
		if isTrue(d.EhciEnabled) {
			w.usb("ehci")
		}
	case *types.VirtualUSBXHCIController:
		w.usb("qemu-xhci")
	case types.BaseVirtualEthernetCard:
		w.card(d.(types.BaseVirtualDevice))
	case *types.VirtualSerialPort:
		w.serial(d)
	case *types.VirtualMachineVideoCard:
		w.video()
	case *types.VirtualHdAudioCard:
		w.Devices.Sounds = append(w.Devices.Sounds, libvirtxml.DomainSound{Model: "ich6"})
	case *types.VirtualTPM:
		w.note("its TPM is a new one: what is bound to the old one, as BitLocker, asks for its recovery key")
		w.Devices.TPMs = []libvirtxml.DomainTPM{{Model: "tpm-crb", Backend: &libvirtxml.DomainTPMBackend{Emulator: &libvirtxml.DomainTPMBackendEmulator{Version: "2.0"}}}}
	default:
		if !implied(d) {
			w.note("%s (%s) is left out", label(d), class(d))
		}
	}
}

func (w *domainWriter) usb(model string) {
	index := uint(0)
	for _, c := range w.Devices.Controllers {
		if c.Type == "usb" {
			index++
		}
	}
	w.Devices.Controllers = append(w.Devices.Controllers, libvirtxml.DomainController{Type: "usb", Index: &index, Model: model})
}

// card adds a network card. Of the models that QEMU does not have, guests know the E1000 by themselves.
func (w *domainWriter) card(d types.BaseVirtualDevice) {
	v := d.(types.BaseVirtualEthernetCard).GetVirtualEthernetCard()
	m, _ := modelOf(d, cardModels)
	if m.libvirt == "" {
		w.note("%s was a %s, and is an E1000: the guest may have to be told its addresses again", label(d), class(d))
		m.libvirt = "e1000"
	}
	name, known := w.h.Network(d)
	if !known {
		w.note("%s was on %s: it is on the network default", label(d), cmp.Or(name, nowhere))
		name = "default"
	}
	card := libvirtxml.DomainInterface{
		Source: &libvirtxml.DomainInterfaceSource{Network: &libvirtxml.DomainInterfaceSourceNetwork{Network: name}},
		Model:  &libvirtxml.DomainInterfaceModel{Type: m.libvirt},
	}
	if v.MacAddress != "" {
		card.MAC = &libvirtxml.DomainInterfaceMAC{Address: strings.ToLower(v.MacAddress)}
	}
	if c := v.Connectable; c != nil && !c.StartConnected {
		card.Link = &libvirtxml.DomainInterfaceLink{State: "down"}
	}
	w.Devices.Interfaces = append(w.Devices.Interfaces, card)
}

// serial adds a port. One on the network stays there; another one is for `virsh console`.
func (w *domainWriter) serial(d *types.VirtualSerialPort) {
	n := uint(len(w.Devices.Serials))
	port := libvirtxml.DomainSerial{Target: &libvirtxml.DomainSerialTarget{Port: &n}}
	b, ok := d.Backing.(*types.VirtualSerialPortURIBackingInfo)
	if ok {
		port.Source, port.Protocol = overNetwork(b)
	}
	if port.Source == nil {
		w.note("%s is a console of the host's (virsh console): what it was connected to was of its own host", label(d))
		port.Source = &libvirtxml.DomainChardevSource{Pty: &libvirtxml.DomainChardevSourcePty{}}
	}
	w.Devices.Serials = append(w.Devices.Serials, port)
}

// overNetwork reads VMware's service URIs, as telnet://:1234; a proxy's are another's to tell.
func overNetwork(b *types.VirtualSerialPortURIBackingInfo) (*libvirtxml.DomainChardevSource, *libvirtxml.DomainChardevProtocol) {
	u, err := url.Parse(b.ServiceURI)
	if err != nil || u.Port() == "" || b.ProxyURI != "" {
		return nil, nil
	}
	kind := map[string]string{"tcp": "raw", "telnet": "telnet"}[u.Scheme]
	tcp := &libvirtxml.DomainChardevSourceTCP{Mode: "connect", Host: u.Hostname(), Service: u.Port()}
	switch {
	case kind == "":
		return nil, nil
	case b.Direction == string(types.VirtualDeviceURIBackingOptionDirectionServer):
		tcp.Mode = "bind"
		if tcp.Host == "" {
			tcp.Host = "0.0.0.0" // as VMware understands it
		}
	case tcp.Host == "":
		return nil, nil
	}
	return &libvirtxml.DomainChardevSource{TCP: tcp}, &libvirtxml.DomainChardevProtocol{Type: kind}
}

// video: QEMU's vmware-svga is too old for VMware's own driver, so it is what all guests know. The console is on a socket of libvirt's,
// which nobody reaches from outside.
func (w *domainWriter) video() {
	w.Devices.Videos = append(w.Devices.Videos, libvirtxml.DomainVideo{Model: libvirtxml.DomainVideoModel{Type: "vga"}})
	w.Devices.Graphics = []libvirtxml.DomainGraphic{{VNC: &libvirtxml.DomainGraphicVNC{
		Listeners: []libvirtxml.DomainGraphicListener{{Socket: &libvirtxml.DomainGraphicListenerSocket{}}}}}}
}
