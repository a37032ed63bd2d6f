package translate

import (
	"cmp"
	"reflect"

	"github.com/vmware/govmomi/vim25/types"
)

// A model is what a device is called by each side. Of several with a name, the first is meant.
type model struct {
	vmx     string // virtualDev of a .vmx file
	libvirt string
	make    func() types.BaseVirtualDevice
}

// scsiModels of controllers. libvirt's lsilogic is another chip, which takes another driver.
var scsiModels = []model{
	{"pvscsi", "vmpvscsi", func() types.BaseVirtualDevice { return new(types.ParaVirtualSCSIController) }},
	{"lsisas1068", "lsisas1068", func() types.BaseVirtualDevice { return new(types.VirtualLsiLogicSASController) }},
	{"lsilogic", "", func() types.BaseVirtualDevice { return new(types.VirtualLsiLogicController) }},
	{"buslogic", "", func() types.BaseVirtualDevice { return new(types.VirtualBusLogicController) }},
}

// cardModels of network cards.
var cardModels = []model{
	{"vmxnet3", "vmxnet3", func() types.BaseVirtualDevice { return new(types.VirtualVmxnet3) }},
	{"e1000e", "e1000e", func() types.BaseVirtualDevice { return new(types.VirtualE1000e) }},
	{"e1000", "e1000", func() types.BaseVirtualDevice { return new(types.VirtualE1000) }},
	{"vlance", "pcnet", func() types.BaseVirtualDevice { return new(types.VirtualPCNet32) }},
	{"vmxnet", "", func() types.BaseVirtualDevice { return new(types.VirtualVmxnet2) }},
}

// modelOf finds a device's model by what it is; none is found of what is not in the list.
func modelOf(d types.BaseVirtualDevice, models []model) (model, bool) {
	for _, m := range models {
		if class(m.make()) == class(d) {
			return m, true
		}
	}
	return model{}, false
}

// class is a device's type as the API calls it, as VirtualE1000.
func class(d types.BaseVirtualDevice) string { return reflect.TypeOf(d).Elem().Name() }

// label is what people call a device, as "Hard disk 1".
func label(d types.BaseVirtualDevice) string {
	if i := d.GetVirtualDevice().DeviceInfo; i != nil {
		return cmp.Or(i.GetDescription().Label, class(d))
	}
	return class(d)
}

// isTrue reads an optional flag.
func isTrue(b *bool) bool { return b != nil && *b }

// implied are the devices that every machine of VMware's has by itself.
func implied(d types.BaseVirtualDevice) bool {
	switch d.(type) {
	case *types.VirtualIDEController, *types.VirtualPS2Controller, *types.VirtualPCIController, *types.VirtualSIOController,
		*types.VirtualKeyboard, *types.VirtualPointingDevice, *types.VirtualMachineVMCIDevice:
		return true
	}
	return false
}

// medium names what lies in a drive, "" is nothing that is known by a name of its own.
func medium(d types.BaseVirtualDevice) string {
	switch b := d.GetVirtualDevice().Backing.(type) {
	case types.BaseVirtualDeviceFileBackingInfo:
		return b.GetVirtualDeviceFileBackingInfo().FileName
	}
	return ""
}

// Network names what a card is on, and tells whether people call it so. "" is none that has a name.
func (h *Hardware) Network(card types.BaseVirtualDevice) (name string, known bool) {
	switch b := card.GetVirtualDevice().Backing.(type) {
	case *types.VirtualEthernetCardNetworkBackingInfo:
		return b.DeviceName, b.DeviceName != ""
	case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
		name = h.Networks[b.Port.PortgroupKey]
		return cmp.Or(name, "port group "+b.Port.PortgroupKey), name != ""
	case *types.VirtualEthernetCardOpaqueNetworkBackingInfo:
		return b.OpaqueNetworkId, false
	}
	return "", false
}

// nowhere is where a card is that is on no network.
const nowhere = "none that has a name"
