package vsphere

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/hyper/process"
	hyper "vbfs/hyper/vsphere"
)

// A spot is where a disk is brought to, and what its throw-away machine needs: a pool to be in, a folder, if the pool's owner wants one a
// host, and virtual hardware no newer than what the disk is for.
type spot struct {
	pool, folder hyper.Ref
	host         *hyper.Ref
	store        string // the datastore's name
	whose        string // the machine that the disk is for: its instance UUID, or its path
	file         string // "[datastore] folder/name.vmdk": what the disk's file is called in the end; nothing may be there. "" is any name
	format       string // thin, zeroedthick or eagerzeroedthick
	bus          string // that the disk is for: scsi, sata, ide or nvme
	hardware     string // as vmx-19; "" is the host's newest
}

// prefix begins the names of throw-away machines.
const prefix = "vbfs-restore-"

// prefixFor begins those for a machine: another restore of it finds what one that was killed left behind.
func prefixFor(whose string) string {
	sum := sha256.Sum256([]byte(whose))
	return prefix + hex.EncodeToString(sum[:6]) + "-"
}

// random is a part of a name that nothing else has.
func random() string {
	b := make([]byte, 4)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// spec is the throw-away machine: one disk on a controller that leaves the disk as the one that it is for has it.
func (at spot) spec(size int64) types.VirtualMachineConfigSpec {
	name, key, unit := prefixFor(at.whose)+random(), int32(-100), int32(0)
	changes := []types.BaseVirtualDeviceConfigSpec{&types.VirtualDeviceConfigSpec{
		Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: at.controller(key),
	}}
	if at.bus == "ide" { // which every machine has
		key, changes = 200, nil
	}
	store := "[" + at.store + "]"
	disk := &types.VirtualDisk{
		VirtualDevice: types.VirtualDevice{Key: -200, ControllerKey: key, UnitNumber: &unit, Backing: backing(store, at.format)},
		CapacityInKB:  (size + 1023) >> 10, CapacityInBytes: (size + 1023) &^ 1023,
	}
	return types.VirtualMachineConfigSpec{
		Name: name, GuestId: "otherGuest", Version: at.hardware, NumCPUs: 1, MemoryMB: 32, Files: &types.VirtualMachineFileInfo{VmPathName: store},
		ExtraConfig: []types.BaseOptionValue{(&unfinished{By: process.Self(), Since: time.Now()}).mark()},
		Annotation:  "A disk is being restored by way of this machine, which goes when it is.",
		DeviceChange: append(changes, &types.VirtualDeviceConfigSpec{
			Operation: types.VirtualDeviceConfigSpecOperationAdd, FileOperation: types.VirtualDeviceConfigSpecFileOperationCreate, Device: disk,
		}),
	}
}

func (at spot) controller(key int32) types.BaseVirtualDevice {
	base := types.VirtualController{VirtualDevice: types.VirtualDevice{Key: key}}
	if at.bus == "sata" {
		return &types.VirtualAHCIController{VirtualSATAController: types.VirtualSATAController{VirtualController: base}}
	}
	return &types.VirtualLsiLogicController{VirtualSCSIController: types.VirtualSCSIController{
		VirtualController: base, SharedBus: types.VirtualSCSISharingNoSharing,
	}}
}

// backing is a disk's file of a format.
func backing(file, format string) *types.VirtualDiskFlatVer2BackingInfo {
	thin, zeroed := format == "thin", format == "eagerzeroedthick"
	return &types.VirtualDiskFlatVer2BackingInfo{
		VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: file}, DiskMode: string(types.VirtualDiskModePersistent),
		ThinProvisioned: &thin, EagerlyScrub: &zeroed,
	}
}
