package vsim

import (
	"cmp"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// publish writes into vcsim's objects what the disks have become: backings with their parents, changeIds, files. Both locks
// are held.
func (m *Machine) publish(ctx *simulator.Context, vm *simulator.VirtualMachine) error {
	devices := m.backed(vm.Config.Hardware.Device, func(d *disk) (*layer, *track) { return d.now, d.track })
	m.h.reg.Update(ctx, vm, []types.PropertyChange{
		{Name: "config.hardware.device", Val: devices},
		{Name: "runtime.consolidationNeeded", Val: m.behind()},
		{Name: "summary.runtime.consolidationNeeded", Val: m.behind()},
	})
	for ref, s := range m.shots {
		snapshot := m.h.reg.Get(ref).(*simulator.VirtualMachineSnapshot)
		m.h.reg.WithLock(ctx, snapshot, func() {
			snapshot.Config.Hardware.Device = m.backed(snapshot.Config.Hardware.Device, s.of)
		})
	}
	m.lay(vm)
	return m.h.wire(m, vm)
}

// of is what the snapshot has of a disk, nil for one that it has not.
func (s *shot) of(d *disk) (*layer, *track) { return s.layers[d.key], s.tracks[d.key] }

// backed copies a device list with the disks' backings as they are now. What clients were given before stays as it was.
func (m *Machine) backed(devices []types.BaseVirtualDevice, of func(*disk) (*layer, *track)) []types.BaseVirtualDevice {
	list := slices.Clone(devices)
	for i, dev := range list {
		old, ok := dev.(*types.VirtualDisk)
		if !ok || m.disks[old.Key] == nil {
			continue
		}
		l, t := of(m.disks[old.Key])
		if l == nil {
			continue
		}
		id := ""
		if t != nil {
			id = t.changeID()
		}
		fresh := *old
		fresh.Backing = m.h.backing(old.Backing, l, id)
		list[i] = &fresh
	}
	return list
}

// backing is a copy for a layer, with all that lie below as parents. A parent has no changeId.
func (h *Host) backing(like types.BaseVirtualDeviceBackingInfo, l *layer, changeID string) types.BaseVirtualDeviceBackingInfo {
	switch b := like.(type) {
	case *types.VirtualDiskFlatVer2BackingInfo:
		c := *b
		c.VirtualDeviceFileBackingInfo, c.ChangeId, c.Parent = h.fileOfLayer(l, b.BackingObjectId), changeID, nil
		if l.parent != nil {
			c.Parent = h.backing(like, l.parent, "").(*types.VirtualDiskFlatVer2BackingInfo)
		}
		return &c
	case *types.VirtualDiskSeSparseBackingInfo:
		c := *b
		c.VirtualDeviceFileBackingInfo, c.ChangeId, c.Parent = h.fileOfLayer(l, b.BackingObjectId), changeID, nil
		if l.parent != nil {
			c.Parent = h.backing(like, l.parent, "").(*types.VirtualDiskSeSparseBackingInfo)
		}
		return &c
	case *types.VirtualDiskRawDiskMappingVer1BackingInfo:
		c := *b
		c.VirtualDeviceFileBackingInfo, c.ChangeId, c.Parent = h.fileOfLayer(l, b.BackingObjectId), changeID, nil
		if l.parent != nil {
			c.Parent = h.backing(like, l.parent, "").(*types.VirtualDiskRawDiskMappingVer1BackingInfo)
		}
		return &c
	}
	return like
}

// fileOfLayer is the part of a backing that says where it lies.
func (h *Host) fileOfLayer(l *layer, object *string) types.VirtualDeviceFileBackingInfo {
	info := types.VirtualDeviceFileBackingInfo{FileName: l.name, BackingObjectId: object}
	if ds := h.storeOf(l.name); ds != nil {
		info.Datastore = &ds.Self
	}
	return info
}

// lay makes the layout anew: vcsim's knows neither deltas nor real lengths.
func (m *Machine) lay(vm *simulator.VirtualMachine) {
	l := &types.VirtualMachineFileLayoutEx{Timestamp: vm.LayoutEx.Timestamp}
	keys := make(map[string]int32)
	add := func(name string, kind types.VirtualMachineFileLayoutExFileType) int32 {
		if key, ok := keys[name]; ok {
			return key
		}
		file := types.VirtualMachineFileLayoutExFileInfo{Key: int32(len(l.File)), Name: name, Type: string(kind), Accessible: types.NewBool(true)}
		if p, err := m.h.path(name); err == nil {
			if info, err := os.Stat(p); err == nil {
				file.Size, file.UniqueSize = info.Size(), info.Size()
			}
		}
		keys[name] = file.Key
		l.File = append(l.File, file)
		return file.Key
	}
	add(vm.Config.Files.VmPathName, types.VirtualMachineFileLayoutExFileTypeConfig)
	if nvram := strings.TrimSuffix(vm.Config.Files.VmPathName, ".vmx") + ".nvram"; m.h.exists(nvram) {
		add(nvram, types.VirtualMachineFileLayoutExFileTypeNvram)
	}
	for _, key := range sortedKeys(m.disks) {
		l.Disk = append(l.Disk, types.VirtualMachineFileLayoutExDiskLayout{Key: key, Chain: chain(m.disks[key].now, add)})
	}
	for ref, s := range m.shots {
		data := add(s.data, types.VirtualMachineFileLayoutExFileTypeSnapshotData)
		of := types.VirtualMachineFileLayoutExSnapshotLayout{Key: ref, DataKey: data, MemoryKey: -1}
		for _, key := range sortedKeys(s.layers) {
			of.Disk = append(of.Disk, types.VirtualMachineFileLayoutExDiskLayout{Key: key, Chain: chain(s.layers[key], add)})
		}
		l.Snapshot = append(l.Snapshot, of)
	}
	vm.LayoutEx = l
}

// dataFile is the .vmsn of a snapshot that vcsim has just made.
func dataFile(vm *simulator.VirtualMachine, ref types.ManagedObjectReference) string {
	for _, s := range vm.LayoutEx.Snapshot {
		for _, f := range vm.LayoutEx.File {
			if s.Key == ref && f.Key == s.DataKey {
				return f.Name
			}
		}
	}
	return ""
}

// chain lists a disk's files from the flat on: descriptor, then data.
func chain(l *layer, add func(string, types.VirtualMachineFileLayoutExFileType) int32) []types.VirtualMachineFileLayoutExDiskUnit {
	var units []types.VirtualMachineFileLayoutExDiskUnit
	for ; l != nil; l = l.parent {
		data := flatName(l.name)
		if l.parent != nil {
			data = extentName(l.name)
		}
		units = append(units, types.VirtualMachineFileLayoutExDiskUnit{FileKey: []int32{
			add(l.name, types.VirtualMachineFileLayoutExFileTypeDiskDescriptor), add(data, types.VirtualMachineFileLayoutExFileTypeDiskExtent)}})
	}
	slices.Reverse(units)
	return units
}

// capacity of a disk in a device list, 0 for none.
func capacity(devices object.VirtualDeviceList, key int32) int64 {
	if d, ok := devices.FindByKey(key).(*types.VirtualDisk); ok {
		return d.CapacityInBytes
	}
	return 0
}
