package vmware

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// Kinds of resources, CIM_ResourceAllocationSettingData.ResourceType. VMware's SATA and NVMe controllers are other storage ones.
const (
	typeCPU     = 3
	typeMemory  = 4
	typeIDE     = 5
	typeSCSI    = 6
	typeNetwork = 10
	typeCDROM   = 15
	typeDisk    = 17
	typeStorage = 20
	typeUSB     = 23
)

// A hardwareWriter puts a machine's items together.
type hardwareWriter struct {
	n        *newMachine
	c        *types.VirtualMachineConfigInfo
	items    []item
	networks []network
	parents  map[int32]int // items of controllers, by the devices' keys
}

// all writes the processors, memory, controllers, and then what sits on them, in order of their places.
func (w *hardwareWriter) all() {
	cpu := int64(max(w.c.Hardware.NumCPU, 1))
	w.add(item{Units: "hertz * 10^6", Name: fmt.Sprintf("%d virtual CPU(s)", cpu), Type: typeCPU, Quantity: cpu, PerSocket: w.perSocket()})
	memory := int64(w.c.Hardware.MemoryMB)
	w.add(item{Units: "byte * 2^20", Name: fmt.Sprintf("%d MB of memory", memory), Type: typeMemory, Quantity: memory})
	for _, d := range w.c.Hardware.Device {
		w.controller(d)
	}
	rest := slices.Clone(w.c.Hardware.Device)
	slices.SortStableFunc(rest, func(a, b types.BaseVirtualDevice) int { return slices.Compare(w.order(a), w.order(b)) })
	for _, d := range rest {
		w.device(d)
	}
	for _, j := range w.n.jobs {
		if _, ok := w.n.hw.Disks[j.disk.Record.Name]; !ok {
			w.n.note("disk %s is in %s, and not part of the machine: its configuration does not have it", j.disk.Record.Name, j.file)
		}
	}
}

func (w *hardwareWriter) perSocket() *sockets {
	if n := w.c.Hardware.NumCoresPerSocket; n != nil && *n > 1 {
		return &sockets{N: *n}
	}
	return nil
}

func (w *hardwareWriter) order(d types.BaseVirtualDevice) []int {
	v := d.GetVirtualDevice()
	unit := -1
	if v.UnitNumber != nil {
		unit = int(*v.UnitNumber)
	}
	return []int{w.parents[v.ControllerKey], unit}
}

// add appends an item, and gives its number.
func (w *hardwareWriter) add(i item) int {
	i.ID = len(w.items) + 1
	w.items = append(w.items, i)
	return i.ID
}

// subTypes of controllers, as vSphere writes them.
var subTypes = map[string]struct {
	kind int
	name string
}{
	"ParaVirtualSCSIController":    {typeSCSI, "VirtualSCSI"},
	"VirtualLsiLogicController":    {typeSCSI, "lsilogic"},
	"VirtualLsiLogicSASController": {typeSCSI, "lsilogicsas"},
	"VirtualBusLogicController":    {typeSCSI, "buslogic"},
	"VirtualIDEController":         {typeIDE, ""},
	"VirtualAHCIController":        {typeStorage, "vmware.sata.ahci"},
	"VirtualNVMEController":        {typeStorage, "vmware.nvme.controller"},
	"VirtualUSBController":         {typeUSB, "vmware.usb.ehci"},
	"VirtualUSBXHCIController":     {typeUSB, "vmware.usb.xhci"},
}

func class(d types.BaseVirtualDevice) string { return reflect.TypeOf(d).Elem().Name() }

func (w *hardwareWriter) controller(d types.BaseVirtualDevice) {
	s, ok := subTypes[class(d)]
	c, is := d.(types.BaseVirtualController)
	if !ok || !is {
		return
	}
	v := c.GetVirtualController()
	w.parents[v.Key] = w.add(item{Address: &v.BusNumber, Name: label(d), SubType: s.name, Type: s.kind})
}

// device writes what is no controller, or a note.
func (w *hardwareWriter) device(d types.BaseVirtualDevice) {
	v := d.GetVirtualDevice()
	i := item{OnParent: v.UnitNumber, Name: label(d)}
	if p, ok := w.parents[v.ControllerKey]; ok {
		i.Parent = &p
	}
	no := false
	switch d := d.(type) {
	case *types.VirtualDisk:
		id := w.n.ofDisk(d)
		if id == "" || i.Parent == nil {
			w.n.note("%s is left out: the point does not have it", label(d))
			return
		}
		i.Host, i.Type = "ovf:/disk/"+id, typeDisk
	case *types.VirtualCdrom:
		if i.Parent == nil {
			return
		}
		i.Automatic, i.SubType, i.Type = &no, "vmware.cdrom.remotepassthrough", typeCDROM
	case types.BaseVirtualEthernetCard:
		w.card(d)
		return
	default:
		if _, ok := subTypes[class(d)]; !ok && !implied[class(d)] {
			w.n.note("%s is left out", i.Name)
		}
		return
	}
	w.add(i)
}

// implied are the devices that every machine has by itself.
var implied = map[string]bool{"VirtualPS2Controller": true, "VirtualPCIController": true, "VirtualSIOController": true, "VirtualKeyboard": true,
	"VirtualPointingDevice": true, "VirtualMachineVMCIDevice": true, "VirtualMachineVideoCard": true}

// cardTypes, as vSphere writes them.
var cardTypes = map[string]string{"VirtualVmxnet3": "VmxNet3", "VirtualVmxnet2": "VmxNet2", "VirtualE1000": "E1000", "VirtualE1000e": "E1000e", "VirtualPCNet32": "PCNet32"}

func (w *hardwareWriter) card(card types.BaseVirtualEthernetCard) {
	d := card.(types.BaseVirtualDevice)
	kind, ok := cardTypes[class(d)]
	if !ok {
		w.n.note("%s was a %s, and is a vmxnet3", label(d), class(d))
		kind = "VmxNet3"
	}
	yes := true
	if c := d.GetVirtualDevice().Connectable; c != nil {
		yes = c.StartConnected
	}
	name := w.networkOf(d)
	if !slices.ContainsFunc(w.networks, func(n network) bool { return n.Name == name }) {
		w.networks = append(w.networks, network{name, "The network " + name})
	}
	w.add(item{OnParent: d.GetVirtualDevice().UnitNumber, Automatic: &yes, Connection: name, Name: label(d), SubType: kind, Type: typeNetwork})
}

// networkOf names the network that a card is on, which is mapped to one of the host's when it is imported.
func (w *hardwareWriter) networkOf(d types.BaseVirtualDevice) string {
	name, _ := w.n.hw.Network(d)
	return cmp.Or(strings.TrimSpace(name), "VM Network")
}

// label is what people call a device, as "Hard disk 1".
func label(d types.BaseVirtualDevice) string {
	if i := d.GetVirtualDevice().DeviceInfo; i != nil && i.GetDescription().Label != "" {
		return i.GetDescription().Label
	}
	return class(d)
}
