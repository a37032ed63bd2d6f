package vsim

import (
	"fmt"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// devices are a network card, the controllers, and the disks on them.
func (s *Spec) devices() (object.VirtualDeviceList, error) {
	list := object.VirtualDeviceList{&types.VirtualVmxnet3{VirtualVmxnet: types.VirtualVmxnet{VirtualEthernetCard: types.VirtualEthernetCard{
		VirtualDevice: types.VirtualDevice{Key: -1, Backing: &types.VirtualEthernetCardNetworkBackingInfo{
			VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: "VM Network"}}},
		AddressType: string(types.VirtualEthernetCardMacTypeGenerated)}}}}
	controllers, units := make(map[string]types.BaseVirtualController), make(map[string]int32)
	for i, d := range s.Disks {
		if d.On == "" {
			d.On = "scsi"
		}
		c := controllers[d.On]
		if c == nil {
			c = s.controller(d.On, int32(-100-len(controllers)))
			controllers[d.On] = c
			list = append(list, c.(types.BaseVirtualDevice))
		}
		if d.On == "scsi" && units[d.On] == 7 { // the controller's own
			units[d.On]++
		}
		unit := units[d.On]
		units[d.On]++
		list = append(list, d.device(s, int32(-200-i), c.GetVirtualController().Key, unit))
	}
	return list, nil
}

func (s *Spec) controller(kind string, key int32) types.BaseVirtualController {
	base := types.VirtualController{VirtualDevice: types.VirtualDevice{Key: key}}
	switch kind {
	case "sata":
		return &types.VirtualAHCIController{VirtualSATAController: types.VirtualSATAController{VirtualController: base}}
	case "nvme":
		return &types.VirtualNVMEController{VirtualController: base}
	case "ide":
		base.Key = 200 // it is there from the beginning
		return &types.VirtualIDEController{VirtualController: base}
	}
	c := &types.ParaVirtualSCSIController{VirtualSCSIController: types.VirtualSCSIController{VirtualController: base,
		SharedBus: types.VirtualSCSISharingNoSharing, ScsiCtlrUnitNumber: 7}}
	if s.SharedBus {
		c.SharedBus = types.VirtualSCSISharingPhysicalSharing
	}
	return c
}

// device is a disk whose descriptor does not exist yet.
func (d *Disk) device(s *Spec, key, controller, unit int32) *types.VirtualDisk {
	ds, mode := d.Datastore, d.Mode
	if ds == "" {
		ds = s.Datastore
	}
	if mode == "" {
		mode = string(types.VirtualDiskModePersistent)
	}
	file := types.VirtualDeviceFileBackingInfo{FileName: fmt.Sprintf("[%s]", ds)}
	dev := &types.VirtualDisk{VirtualDevice: types.VirtualDevice{Key: key, ControllerKey: controller, UnitNumber: &unit},
		CapacityInBytes: d.Size, CapacityInKB: d.Size >> 10}
	switch d.Kind {
	case "sesparse":
		dev.Backing = &types.VirtualDiskSeSparseBackingInfo{VirtualDeviceFileBackingInfo: file, DiskMode: mode, Uuid: newUUID()}
	case "rdm", "rdmv":
		b := &types.VirtualDiskRawDiskMappingVer1BackingInfo{VirtualDeviceFileBackingInfo: file, DiskMode: mode, Uuid: newUUID(),
			LunUuid: "0200000000" + newUUID()[:8], DeviceName: "vml." + newUUID(), CompatibilityMode: string(types.VirtualDiskCompatibilityModePhysicalMode)}
		if d.Kind == "rdmv" {
			b.CompatibilityMode = string(types.VirtualDiskCompatibilityModeVirtualMode)
		}
		dev.Backing = b
	default:
		dev.Backing = &types.VirtualDiskFlatVer2BackingInfo{VirtualDeviceFileBackingInfo: file, DiskMode: mode, Uuid: newUUID(),
			ThinProvisioned: types.NewBool(!d.Thick)}
	}
	return dev
}
