package spec

import (
	"cmp"
	"reflect"

	"github.com/vmware/govmomi/vim25/types"
)

// devices carries over the devices: controllers first, for others are plugged into them.
func (p *Plan) devices() {
	for _, d := range p.info.Hardware.Device {
		if key := implicit(d); key != 0 {
			p.kept[d.GetVirtualDevice().Key] = key
		} else if _, ok := d.(types.BaseVirtualController); ok {
			p.controller(d)
		}
	}
	for _, d := range p.info.Hardware.Device {
		if _, ok := d.(types.BaseVirtualController); !ok && implicit(d) == 0 {
			p.device(d)
		}
	}
}

// implicit is the key of a device that every machine has, 0 of others: vSphere Web Services SDK Programming Guide, "Default devices".
func implicit(d types.BaseVirtualDevice) int32 {
	switch d := d.(type) {
	case *types.VirtualPCIController:
		return 100
	case *types.VirtualIDEController:
		return 200 + d.BusNumber
	case *types.VirtualPS2Controller:
		return 300
	case *types.VirtualSIOController:
		return 400
	case *types.VirtualMachineVideoCard:
		return 500
	case *types.VirtualKeyboard:
		return 600
	case *types.VirtualPointingDevice:
		return 700
	case *types.VirtualMachineVMCIDevice:
		return 12000
	}
	return 0
}

// controller carries over what disks and drives are plugged into.
func (p *Plan) controller(d types.BaseVirtualDevice) {
	switch d.(type) {
	case types.BaseVirtualSCSIController, types.BaseVirtualSATAController, *types.VirtualNVMEController, *types.VirtualUSBController,
		*types.VirtualUSBXHCIController:
	case *types.VirtualNVDIMMController:
		return // its disks are noted
	default:
		p.leave(d, "it is a controller that is not known here")
		return
	}
	c := p.add(d)
	c.(types.BaseVirtualController).GetVirtualController().Device = nil
}

// device carries over anything else.
func (p *Plan) device(d types.BaseVirtualDevice) {
	switch d := d.(type) {
	case *types.VirtualDisk:
		p.disk(d)
	case *types.VirtualNVDIMM:
		p.leave(d, "persistent memory cannot be filled")
	case *types.VirtualSriovEthernetCard, *types.VirtualPCIPassthrough, *types.VirtualSCSIPassthrough, *types.VirtualUSB:
		p.leave(d, "it is hardware of the recorded machine's host")
	case types.BaseVirtualEthernetCard:
		p.card(d)
	case *types.VirtualCdrom:
		p.cdrom(d)
	case *types.VirtualFloppy:
		p.floppy(d)
	case *types.VirtualSerialPort, *types.VirtualParallelPort:
		p.port(d)
	case types.BaseVirtualSoundCard, *types.VirtualWDT, *types.VirtualPrecisionClock:
		p.plug(d)
	case *types.VirtualTPM:
		p.leave(d, "what it holds is sealed to keys of the recorded machine's vCenter; what is bound to it, as BitLocker, asks for its recovery key")
	default:
		p.leave(d, "such a device is not known here")
	}
}

func (p *Plan) leave(d types.BaseVirtualDevice, why string) {
	p.note("%s is left out: %s", label(d), why)
}

// label is what people call a device.
func label(d types.BaseVirtualDevice) string {
	name := ""
	if i := d.GetVirtualDevice().DeviceInfo; i != nil {
		name = i.GetDescription().Label
	}
	class := reflect.TypeOf(d).Elem().Name()
	if name == "" {
		return class
	}
	return name + " (" + class + ")"
}

// plug adds a device to the controller that it was on, if that is carried over.
func (p *Plan) plug(d types.BaseVirtualDevice) types.BaseVirtualDevice {
	if key := d.GetVirtualDevice().ControllerKey; key != 0 && p.kept[key] == 0 {
		p.leave(d, "so is its controller")
		return nil
	}
	return p.add(d)
}

// add adds a copy of a device under a temporary key.
func (p *Plan) add(d types.BaseVirtualDevice) types.BaseVirtualDevice {
	c := clone(d)
	v := c.GetVirtualDevice()
	v.Key = -int32(len(p.kept)) - 1
	p.kept[d.GetVirtualDevice().Key] = v.Key
	v.DeviceInfo, v.SlotInfo, v.DeviceGroupInfo = nil, nil, nil // slots of PCI are among the extra settings
	v.ControllerKey = cmp.Or(p.kept[v.ControllerKey], v.ControllerKey)
	if v.Connectable != nil {
		v.Connectable = &types.VirtualDeviceConnectInfo{MigrateConnect: v.Connectable.MigrateConnect,
			StartConnected: v.Connectable.StartConnected, AllowGuestControl: v.Connectable.AllowGuestControl}
	}
	p.Spec.DeviceChange = append(p.Spec.DeviceChange, &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: c})
	return c
}

// clone copies a device; what it points to is shared.
func clone(d types.BaseVirtualDevice) types.BaseVirtualDevice {
	c := reflect.New(reflect.TypeOf(d).Elem())
	c.Elem().Set(reflect.ValueOf(d).Elem())
	return c.Interface().(types.BaseVirtualDevice)
}
