package spec

import (
	"fmt"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/hyper/vsphere"
)

// Formats of a disk's space: taken when it is written; reserved, and zeroed when it is written; reserved and zeroed at once.
const (
	Thin        = "thin"
	ZeroedThick = "zeroedthick"
	EagerThick  = "eagerzeroedthick"
)

// Formats are all of them.
var Formats = []string{Thin, ZeroedThick, EagerThick}

// A DiskWish says what becomes of a disk.
type DiskWish struct {
	Key    int32  // of the recorded device
	Size   int64  // bytes
	Format string // one of Formats
	File   string // "[datastore]", where one is to be made, or the descriptor of one that is there
	Made   bool   // it is there
}

// disk notes what of a disk is not as it was: the disks themselves are added one by one.
func (p *Plan) disk(d *types.VirtualDisk) {
	if key := d.ControllerKey; key != 0 && p.kept[key] == 0 {
		p.leave(d, "so is its controller")
	}
	switch d.Backing.(type) {
	case *types.VirtualDiskRawDiskMappingVer1BackingInfo, *types.VirtualDiskRawDiskVer2BackingInfo, *types.VirtualDiskPartitionedRawDiskVer2BackingInfo:
		p.note("%s was a raw device, and is restored as an ordinary disk", label(d))
	}
	if d.VFlashCacheConfigInfo != nil || len(d.Iofilter) > 0 {
		p.note("%s is restored without its cache and I/O filters", label(d))
	}
}

// recorded finds a disk that can be made.
func (p *Plan) recorded(key int32) (disk *vsphere.Disk, device *types.VirtualDisk) {
	for _, dev := range p.info.Hardware.Device {
		if v, ok := dev.(*types.VirtualDisk); ok && v.Key == key && p.kept[v.ControllerKey] != 0 {
			device = v
		}
	}
	for i := range p.disks {
		if d := &p.disks[i]; d.Key == key && device != nil {
			disk = d
		}
	}
	return disk, device
}

// Recorded is a disk as it was recorded, by its device key; nil if there is none that can be made.
func (p *Plan) Recorded(key int32) *vsphere.Disk {
	d, _ := p.recorded(key)
	return d
}

// Format is how the space of a recorded disk was had.
func Format(info *types.VirtualMachineConfigInfo, key int32) string {
	for _, d := range info.Hardware.Device {
		if d.GetVirtualDevice().Key != key {
			continue
		}
		b, ok := d.GetVirtualDevice().Backing.(*types.VirtualDiskFlatVer2BackingInfo)
		switch {
		case !ok || on(b.ThinProvisioned):
			return Thin
		case on(b.EagerlyScrub):
			return EagerThick
		}
		return ZeroedThick
	}
	return Thin
}

func on(b *bool) bool { return b != nil && *b }

// Disk is the change that adds a disk to a machine that has these devices, at the place that it was recorded at.
func (p *Plan) Disk(w DiskWish, now []types.BaseVirtualDevice) (types.BaseVirtualDeviceConfigSpec, error) {
	d, old := p.recorded(w.Key)
	if old == nil {
		return nil, fmt.Errorf("%w: it has no disk with device key %d", ErrBad, w.Key)
	}
	controller := like(now, d)
	if controller == nil {
		return nil, fmt.Errorf("%w: the machine has no controller for disk %s", ErrBad, d.Name)
	}
	dev := &types.VirtualDisk{
		VirtualDevice:   types.VirtualDevice{Key: -1, ControllerKey: controller.GetVirtualDevice().Key, UnitNumber: old.UnitNumber, Backing: p.backing(w, old.Backing)},
		CapacityInBytes: w.Size, CapacityInKB: w.Size >> 10,
		Shares: old.Shares, StorageIOAllocation: old.StorageIOAllocation, GuestReadOnly: old.GuestReadOnly,
	}
	change := &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: dev}
	if !w.Made {
		change.FileOperation = types.VirtualDeviceConfigSpecFileOperationCreate
	}
	return change, nil
}

// like finds the controller of a disk by its kind and number.
func like(now []types.BaseVirtualDevice, d *vsphere.Disk) types.BaseVirtualDevice {
	for _, c := range now {
		b, ok := c.(types.BaseVirtualController)
		if ok && class(c) == d.Adapter && b.GetVirtualController().BusNumber == d.BusNumber {
			return c
		}
	}
	return nil
}

// backing is a file's with nothing below it. How the guest and other machines see it stays.
func (p *Plan) backing(w DiskWish, was types.BaseVirtualDeviceBackingInfo) *types.VirtualDiskFlatVer2BackingInfo {
	b := &types.VirtualDiskFlatVer2BackingInfo{
		VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: w.File},
		DiskMode:                     string(types.VirtualDiskModePersistent),
	}
	if old, ok := was.(*types.VirtualDiskFlatVer2BackingInfo); ok {
		b.WriteThrough, b.DigestEnabled, b.Sharing = old.WriteThrough, old.DigestEnabled, old.Sharing
		b.DiskMode = old.DiskMode
	}
	if w.Made {
		b.DigestEnabled = nil
	}
	b.ThinProvisioned, b.EagerlyScrub = types.NewBool(w.Format == Thin), types.NewBool(w.Format == EagerThick)
	return b
}
