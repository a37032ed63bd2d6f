package vsphere

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// A Disk is one of a machine, or of a snapshot: as VirtualMachineConfigInfo.hardware.device has it.
type Disk struct {
	Key       int32  // of the device: the same in the machine and in its snapshots
	Name      string // scsi0-1: controller's kind, bus, unit
	Bus       string // scsi, sata, nvme, ide, nvdimm
	BusNumber int32
	Unit      int32
	Adapter   string // the controller's class, as ParaVirtualSCSIController
	Label     string // for people, as Hard disk 1
	Capacity  int64  // bytes
	File      string // [datastore] folder/name.vmdk: the descriptor
	Datastore string // its name
	UUID      string // of the backing; it moves with the disk
	Mark      string // changeId; "" is none
	Backing   string // class, as FlatVer2
	Thin      bool
	Eager     bool // thick, and zeroed when it was made
	Delta     bool // it stands on another file: a snapshot or a linked clone

	Independent bool // a snapshot leaves it out
	Physical    bool // a raw device in physical mode: likewise
	Raw         bool // a raw device, in whichever mode
	Shared      bool // written by several machines
	Encrypted   bool
}

// Disks finds the disks among devices, by name.
func Disks(devices []types.BaseVirtualDevice) (out []Disk) {
	for _, d := range devices {
		disk := Disk{}
		v := d.GetVirtualDevice()
		switch d := d.(type) {
		case *types.VirtualDisk:
			if disk.Capacity = d.CapacityInBytes; disk.Capacity == 0 { // before vSphere 5.5
				disk.Capacity = d.CapacityInKB << 10
			}
		case *types.VirtualNVDIMM:
			disk.Capacity = d.CapacityInMB << 20
		default:
			continue
		}
		disk.Key = v.Key
		if v.DeviceInfo != nil {
			disk.Label = v.DeviceInfo.GetDescription().Label
		}
		disk.place(v, devices)
		disk.back(v.Backing)
		out = append(out, disk)
	}
	slices.SortFunc(out, func(a, b Disk) int {
		return cmp.Or(strings.Compare(a.Bus, b.Bus), cmp.Compare(a.BusNumber, b.BusNumber), cmp.Compare(a.Unit, b.Unit))
	})
	return out
}

// place finds out where a disk is plugged in.
func (d *Disk) place(v *types.VirtualDevice, devices []types.BaseVirtualDevice) {
	if v.UnitNumber != nil {
		d.Unit = *v.UnitNumber
	}
	d.Bus = "disk"
	for _, c := range devices {
		if c.GetVirtualDevice().Key != v.ControllerKey {
			continue
		}
		if b, ok := c.(types.BaseVirtualController); ok {
			d.BusNumber = b.GetVirtualController().BusNumber
		}
		d.Adapter = class(c)
		switch c := c.(type) {
		case types.BaseVirtualSCSIController:
			d.Bus = "scsi"
			d.Shared = c.GetVirtualSCSIController().SharedBus != types.VirtualSCSISharingNoSharing && c.GetVirtualSCSIController().SharedBus != ""
		case types.BaseVirtualSATAController:
			d.Bus = "sata"
		case *types.VirtualNVMEController:
			d.Bus = "nvme"
			d.Shared = c.SharedBus != "" && c.SharedBus != string(types.VirtualNVMEControllerSharingNoSharing)
		case *types.VirtualIDEController:
			d.Bus = "ide"
		case *types.VirtualNVDIMMController:
			d.Bus = "nvdimm"
		}
	}
	d.Name = fmt.Sprintf("%s%d-%d", d.Bus, d.BusNumber, d.Unit)
}

// back reads the backing: six of them have a change mark.
func (d *Disk) back(backing types.BaseVirtualDeviceBackingInfo) {
	mode, sharing := "", ""
	d.Backing = strings.TrimSuffix(strings.TrimPrefix(class(backing), "VirtualDisk"), "BackingInfo")
	if f, ok := backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
		d.File = f.GetVirtualDeviceFileBackingInfo().FileName
	}
	switch b := backing.(type) {
	case *types.VirtualDiskFlatVer2BackingInfo:
		d.UUID, d.Mark, mode, sharing = b.Uuid, b.ChangeId, b.DiskMode, b.Sharing
		d.Thin, d.Eager, d.Delta, d.Encrypted = on(b.ThinProvisioned), on(b.EagerlyScrub), b.Parent != nil, b.KeyId != nil
	case *types.VirtualDiskSparseVer2BackingInfo:
		d.UUID, d.Mark, mode = b.Uuid, b.ChangeId, b.DiskMode
		d.Delta, d.Encrypted = b.Parent != nil, b.KeyId != nil
	case *types.VirtualDiskSeSparseBackingInfo:
		d.UUID, d.Mark, mode = b.Uuid, b.ChangeId, b.DiskMode
		d.Delta, d.Encrypted = b.Parent != nil, b.KeyId != nil
	case *types.VirtualDiskRawDiskMappingVer1BackingInfo:
		d.UUID, d.Mark, mode, sharing = b.Uuid, b.ChangeId, b.DiskMode, b.Sharing
		d.Raw, d.Delta = true, b.Parent != nil
		d.Physical = b.CompatibilityMode == string(types.VirtualDiskCompatibilityModePhysicalMode)
	case *types.VirtualDiskRawDiskVer2BackingInfo:
		d.UUID, d.Mark, sharing, d.File = b.Uuid, b.ChangeId, b.Sharing, b.DescriptorFileName
		d.Raw, d.Physical = true, true
	case *types.VirtualDiskPartitionedRawDiskVer2BackingInfo:
		d.UUID, d.Mark, sharing, d.File = b.Uuid, b.ChangeId, b.Sharing, b.DescriptorFileName
		d.Raw, d.Physical = true, true
	case *types.VirtualNVDIMMBackingInfo:
		d.Mark, d.Delta = b.ChangeId, b.Parent != nil
	case *types.VirtualDiskFlatVer1BackingInfo:
		mode = b.DiskMode
	case *types.VirtualDiskSparseVer1BackingInfo:
		mode = b.DiskMode
	}
	var p object.DatastorePath
	if p.FromString(d.File) {
		d.Datastore = p.Datastore
	}
	d.Shared = d.Shared || sharing == string(types.VirtualDiskSharingSharingMultiWriter)
	d.Independent = strings.HasPrefix(mode, "independent") || mode == string(types.VirtualDiskModeNonpersistent) ||
		mode == string(types.VirtualDiskModeUndoable)
}
