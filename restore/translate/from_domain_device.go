package translate

import (
	"fmt"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
	"libvirt.org/go/libvirtxml"
)

// cards reads network cards.
func (r *domainReader) cards() {
	for i := range r.dom.Devices.Interfaces {
		card := &r.dom.Devices.Interfaces[i]
		mac := ""
		if card.MAC != nil {
			mac = strings.ToLower(card.MAC.Address)
		}
		name := networkOf(card.Source)
		if name == "" {
			name = "VM Network" // what ESXi comes with
			r.note("network card %d was on no network with a name: it is on %s", i, name)
		}
		c := r.card(r.cardModel(i, card.Model), mac, string(types.VirtualEthernetCardMacTypeManual), name)
		c.Connectable = &types.VirtualDeviceConnectInfo{StartConnected: card.Link == nil || card.Link.State != "down", AllowGuestControl: true}
		r.bootable(card.Boot, &types.VirtualMachineBootOptionsBootableEthernetDevice{DeviceKey: c.Key})
		if card.VLan != nil || card.Bandwidth != nil || card.FilterRef != nil || card.MTU != nil {
			r.note("what network card %d was told of VLAN, filters, bandwidth or MTU is left out", i)
		}
	}
}

// cardModel is VMware's model of a card: the same, or what guests have a driver for.
func (r *domainReader) cardModel(i int, m *libvirtxml.DomainInterfaceModel) model {
	name := ""
	if m != nil {
		name = m.Type
	}
	want := "e1000"
	switch {
	case name == "virtio" || strings.HasPrefix(name, "virtio-"):
		if want = "vmxnet3"; r.windows {
			want = "e1000e" // whose driver Windows has
		}
	case name == "pcnet":
		want = "vlance"
	}
	for _, m := range cardModels {
		if m.libvirt == name && name != "" {
			return m
		}
	}
	for _, m := range cardModels {
		if m.vmx == want {
			r.note("network card %d was of the model %s, and is a %s: the guest may have to be told its addresses again", i, name, want)
			return m
		}
	}
	return cardModels[0]
}

// networkOf names what a card is on: a network, bridge, or device of its host.
func networkOf(s *libvirtxml.DomainInterfaceSource) string {
	switch {
	case s == nil:
	case s.Network != nil:
		return s.Network.Network
	case s.Bridge != nil:
		return s.Bridge.Bridge
	case s.Direct != nil:
		return s.Direct.Dev
	}
	return ""
}

// others are the screen, serial ports, USB and sound.
func (r *domainReader) others() {
	r.video(0)
	d := r.dom.Devices
	usb := map[string]bool{}
	for _, c := range d.Controllers {
		if c.Type == "usb" {
			usb[c.Model] = true
		}
	}
	if usb["qemu-xhci"] || usb["nec-xhci"] {
		r.add(new(types.VirtualUSBXHCIController), 14000, keyPCI)
	}
	if usb["piix3-uhci"] || usb["piix4-uhci"] || usb["ehci"] || usb["ich9-ehci1"] {
		r.add(&types.VirtualUSBController{EhciEnabled: types.NewBool(usb["ehci"] || usb["ich9-ehci1"])}, 7000, keyPCI)
	}
	for _, s := range d.Sounds {
		if s.Model == "ich6" || s.Model == "ich9" {
			r.add(new(types.VirtualHdAudioCard), 5000, keyPCI)
			break
		}
		r.note("its sound card %s is left out", s.Model)
	}
	for i, s := range d.Serials {
		if uri, direction := uriOf(s); uri != "" {
			r.serial(uri, direction)
		} else {
			r.note("serial port %d is left out: VMware's are on the network, or in files of a host", i)
		}
	}
	if len(d.TPMs) > 0 {
		r.note("its TPM is left out: VMware makes one only with a key provider; what is bound to it, as BitLocker, asks for its recovery key")
	}
}

// uriOf is a serial port on the network as VMware has it.
func uriOf(s libvirtxml.DomainSerial) (uri, direction string) {
	if s.Source == nil || s.Source.TCP == nil || s.Source.TCP.Service == "" {
		return "", ""
	}
	scheme, host := "tcp", s.Source.TCP.Host
	if s.Protocol != nil && s.Protocol.Type == "telnet" {
		scheme = "telnet"
	}
	direction = string(types.VirtualDeviceURIBackingOptionDirectionClient)
	if s.Source.TCP.Mode == "bind" {
		direction, host = string(types.VirtualDeviceURIBackingOptionDirectionServer), ""
	}
	return fmt.Sprintf("%s://%s:%s", scheme, host, s.Source.TCP.Service), direction
}

// leave names what VMware has no words for, or has in another place. A balloon for memory is what every machine of VMware's has.
func (r *domainReader) leave() {
	d := r.dom
	os := d.OS
	if os == nil {
		os = new(libvirtxml.DomainOS)
	}
	for _, s := range []struct {
		n    int
		what string
	}{
		{one(os.Kernel != ""), "it was given its kernel by its host: it starts from its disks now, if something on them can be started"},
		{one(d.Clock != nil && d.Clock.Offset == "localtime" && !r.windows), "its clock was in local time, and is in UTC"},
		{one(d.Clock != nil && (d.Clock.Offset == "variable" || d.Clock.Offset == "timezone" || d.Clock.Offset == "absolute")), "what its clock was set to is left out"},
		{one(len(d.SysInfo) > 0), "what it was told of its maker (SMBIOS) is left out"},
		{one(d.CPUTune != nil || d.NUMATune != nil || d.MemoryTune != nil || d.BlockIOTune != nil), "how its processors, memory and disks share their host is left out"},
		{one(d.MemoryBacking != nil), "what its memory was made of is left out"},
		{one(d.CPU != nil && d.CPU.Numa != nil), "its NUMA nodes are left out"},
		{one(d.LaunchSecurity != nil), "its memory was protected by its processor, and is not any more"},
		{one(d.QEMUCommandline != nil || d.QEMUOverride != nil), "what QEMU was told behind libvirt's back is left out"},
		{len(d.Devices.Hostdevs), "devices of its host are left out"},
		{len(d.Devices.Filesystems), "directories that it shared with its host are left out"},
		{len(d.Devices.RedirDevs), "its USB redirection is left out"},
		{len(d.Devices.Smartcards), "its smart card reader is left out"},
		{len(d.Devices.Parallels), "its parallel ports are left out"},
		{len(d.Devices.RNGs), "its source of random numbers is left out"},
		{len(d.Devices.Watchdogs), "its watchdog is left out"},
		{len(d.Devices.Shmems) + len(d.Devices.Memorydevs), "its shared memory and memory modules are left out"},
		{len(d.Devices.Panics), "its panic device is left out"},
		{one(d.Devices.VSock != nil), "its socket to its host (vsock) is left out"},
		{len(d.Devices.Channels), "its channels to programs on its host are left out; VMware Tools do what the guest's agent did"},
	} {
		if s.n > 0 {
			r.note("%s", s.what)
		}
	}
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}
