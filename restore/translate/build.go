package translate

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/index/format"
	"vbfs/restore/machine"
)

// Keys of the controllers that every machine of VMware's has, as vSphere numbers them.
const (
	keyPCI = 100
	keyIDE = 200
	keySIO = 400
)

// hardware is a Hardware that is being put together of other words.
type hardware struct {
	*Hardware
	m machine.Machine
}

func newHardware(m machine.Machine) *hardware {
	h := &hardware{&Hardware{Config: new(types.VirtualMachineConfigInfo), Disks: map[string]int32{}}, m}
	h.Config.BootOptions = new(types.VirtualMachineBootOptions)
	h.add(new(types.VirtualPCIController), keyPCI, 0)
	h.add(new(types.VirtualSIOController), keySIO, 0)
	for n := range int32(2) {
		ide := &types.VirtualIDEController{VirtualController: types.VirtualController{BusNumber: n}}
		h.add(ide, keyIDE+n, 0)
	}
	return h
}

func (h *Hardware) note(format string, args ...any) {
	h.Notes = append(h.Notes, fmt.Sprintf(format, args...))
}

// add adds a device.
func (h *hardware) add(d types.BaseVirtualDevice, key, controller int32) {
	v := d.GetVirtualDevice()
	v.Key, v.ControllerKey = key, controller
	h.Config.Hardware.Device = append(h.Config.Hardware.Device, d)
}

// Keys of controllers and drives by their bus, numbered so that no two are the same: vSphere gives others, when it makes them.
var keys = map[string]struct{ controller, drive, units int32 }{
	"scsi": {1000, 2000, 64}, "sata": {15000, 16000, 30}, "nvme": {31000, 32000, 64}, "ide": {keyIDE, 3000, 2},
}

// controller adds one for storage.
func (h *hardware) controller(d types.BaseVirtualDevice, p place) {
	d.(types.BaseVirtualController).GetVirtualController().BusNumber = p.number
	h.add(d, keys[p.bus].controller+p.number, keyPCI)
}

// controllerAt is the key of the controller at a place, if it is there and has such a unit.
func (h *hardware) controllerAt(p place) (int32, bool) {
	key := keys[p.bus].controller + p.number
	return key, p.unit < keys[p.bus].units && slices.ContainsFunc(h.Config.Hardware.Device, func(d types.BaseVirtualDevice) bool {
		return d.GetVirtualDevice().Key == key && busOf(d) == p.bus
	})
}

// plug adds a disk or drive at a place whose controller is there.
func (h *hardware) plug(d types.BaseVirtualDevice, p place) {
	controller, _ := h.controllerAt(p)
	h.add(d, keys[p.bus].drive+p.number*keys[p.bus].units+p.unit, controller)
	d.GetVirtualDevice().UnitNumber = &p.unit
}

// disk adds one, of the size that the point's has, if that has one there.
func (h *hardware) disk(p place, mode string) *types.VirtualDisk {
	d := new(types.VirtualDisk)
	d.Backing = &types.VirtualDiskFlatVer2BackingInfo{DiskMode: mode, ThinProvisioned: types.NewBool(true)}
	if i := slices.IndexFunc(h.m.Point.Disks, func(r format.Disk) bool { return r.Name == p.String() }); i >= 0 {
		sized(d, h.m.Point.Disks[i].Size)
	}
	h.plug(d, p)
	return d
}

// sized gives a disk its size, in whole sectors as VMware has them.
func sized(d *types.VirtualDisk, size int64) {
	d.CapacityInBytes = (size + 511) &^ 511
	d.CapacityInKB = (d.CapacityInBytes + 1023) >> 10
}

// cdrom adds an empty drive.
func (h *hardware) cdrom(p place, medium string) {
	d := new(types.VirtualCdrom)
	d.Backing = &types.VirtualCdromRemotePassthroughBackingInfo{}
	d.Connectable = &types.VirtualDeviceConnectInfo{AllowGuestControl: true}
	h.plug(d, p)
	if medium != "" && medium != "emptyBackingString" && medium != "auto detect" {
		h.note("CD-ROM drive %s is empty: its medium was %s", p, medium)
	}
}

// card adds a network card.
func (h *hardware) card(m model, mac, kind, network string) *types.VirtualEthernetCard {
	d := m.make()
	h.add(d, 4000+int32(len(cards(h.Config))), keyPCI)
	c := d.(types.BaseVirtualEthernetCard).GetVirtualEthernetCard()
	if c.MacAddress = mac; mac != "" {
		c.AddressType = kind
	} else {
		c.AddressType = string(types.VirtualEthernetCardMacTypeGenerated)
	}
	b := new(types.VirtualEthernetCardNetworkBackingInfo)
	b.DeviceName = network
	c.Backing = b
	c.DeviceInfo = &types.Description{Label: fmt.Sprintf("Network adapter %d", len(cards(h.Config))), Summary: network}
	return c
}

// serial adds a port on the network.
func (h *hardware) serial(uri, direction string) *types.VirtualSerialPort {
	s := new(types.VirtualSerialPort)
	b := new(types.VirtualSerialPortURIBackingInfo)
	b.ServiceURI, b.Direction = uri, direction
	s.Backing = b
	n := int32(0)
	for _, d := range h.Config.Hardware.Device {
		if _, ok := d.(*types.VirtualSerialPort); ok {
			n++
		}
	}
	h.add(s, 9000+n, keySIO)
	s.DeviceInfo = &types.Description{Label: fmt.Sprintf("Serial port %d", n+1), Summary: uri}
	return s
}

func (h *hardware) video(kib int64) {
	h.add(&types.VirtualMachineVideoCard{VideoRamSizeInKB: cmp.Or(kib, 16<<10)}, 500, keyPCI)
}

// startsFrom adds to what the machine starts from.
func (h *hardware) startsFrom(d types.BaseVirtualMachineBootOptionsBootableDevice) {
	h.Config.BootOptions.BootOrder = append(h.Config.BootOptions.BootOrder, d)
}
