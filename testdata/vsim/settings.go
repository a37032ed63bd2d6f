package vsim

import (
	"strconv"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// keep takes in settings that vcsim drops. It is called with the machine's lock.
func keep(vm *simulator.VirtualMachine, s *types.VirtualMachineConfigSpec) {
	c := vm.Config
	for _, b := range []struct{ from, to **bool }{
		{&s.RebootPowerOff, &c.RebootPowerOff}, {&s.VPMCEnabled, &c.VPMCEnabled}, {&s.SevEnabled, &c.SevEnabled},
		{&s.VmOpNotificationToAppEnabled, &c.VmOpNotificationToAppEnabled}, {&s.VirtualICH7MPresent, &c.Hardware.VirtualICH7MPresent},
		{&s.VirtualSMCPresent, &c.Hardware.VirtualSMCPresent}, {&s.VmxStatsCollectionEnabled, &c.VmxStatsCollectionEnabled},
	} {
		if *b.from != nil {
			*b.to = *b.from
		}
	}
	if s.PowerOpInfo != nil {
		c.DefaultPowerOps = *s.PowerOpInfo
	}
	if s.SwapPlacement != "" {
		c.SwapPlacement = s.SwapPlacement
	}
	if s.MaxMksConnections != 0 {
		c.MaxMksConnections = s.MaxMksConnections
	}
	if s.VcpuConfig != nil {
		c.VcpuConfig = s.VcpuConfig
	}
	for _, m := range s.CpuFeatureMask {
		if m.Operation == types.ArrayUpdateOperationAdd && m.Info != nil {
			c.CpuFeatureMask = append(c.CpuFeatureMask, *m.Info)
		}
	}
	if s.Pmem != nil {
		c.Pmem = s.Pmem
	}
	if s.SgxInfo != nil {
		c.SgxInfo = s.SgxInfo
	}
	vm.Capability.ChangeTrackingSupported = hardware(c.Version) >= 7 // with or without disks
}

// hardware is the number of "vmx-19", 0 if there is none.
func hardware(version string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(version, "vmx-"))
	return n
}

// faulty refuses a specification that vSphere refuses and vcsim takes: drives with media that are not there, and disks for which there is
// no room.
func (h *Host) faulty(s *types.VirtualMachineConfigSpec) types.BaseMethodFault {
	for i, c := range s.DeviceChange {
		change := c.GetVirtualDeviceConfigSpec()
		if change.Operation == types.VirtualDeviceConfigSpecOperationRemove {
			continue
		}
		switch d := change.Device.(type) {
		case *types.VirtualCdrom:
			b, ok := d.Backing.(*types.VirtualCdromIsoBackingInfo)
			if ok && b.FileName != "" && !h.exists(b.FileName) {
				fault := &types.InvalidDeviceBacking{}
				fault.Property, fault.DeviceIndex = "virtualDeviceSpec.device.backing", int32(i)
				return fault
			}
		case *types.VirtualDisk:
			if change.FileOperation != "" && !h.hasRoom(d) {
				return &types.NoDiskSpace{FileFault: types.FileFault{File: "vm.vmdk"}, Datastore: "vm"}
			}
		}
	}
	return nil
}

// hasRoom tells whether a disk that is not thin fits on its datastore.
func (h *Host) hasRoom(d *types.VirtualDisk) bool {
	b, ok := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	if !ok || isTrue(b.ThinProvisioned, false) {
		return true
	}
	ds := h.storeOf(b.FileName)
	return ds == nil || ds.Summary.FreeSpace >= d.CapacityInBytes
}

// SetFree sets how much is free on a datastore, in bytes.
func (h *Host) SetFree(datastore string, bytes int64) {
	h.t.Helper()
	ds := h.datastore(datastore)
	if ds == nil {
		h.t.Fatalf("vsim: no datastore %s", datastore)
	}
	h.reg.AtomicUpdate(h.context(), ds, []types.PropertyChange{{Name: "summary.freeSpace", Val: bytes}})
}

// ByInstance finds a machine by its instance UUID: names need not be unique.
func (h *Host) ByInstance(uuid string) *Machine {
	h.t.Helper()
	for _, e := range h.reg.All("VirtualMachine") {
		if vm := e.(*simulator.VirtualMachine); vm.Config.InstanceUuid == uuid {
			return h.machine(vm.Self)
		}
	}
	h.t.Fatalf("vsim: no machine with instance UUID %s", uuid)
	return nil
}

// plainName takes escaped characters out of the name of a machine to be made: vcsim escapes them once more, and loses devices on the way. escape
// gives the machine its name.
func plainName(s *types.VirtualMachineConfigSpec) (name string) {
	name = s.Name
	s.Name = strings.ReplaceAll(s.Name, "%", "_")
	return name
}

func (h *Host) escape(ctx *simulator.Context, vm *simulator.VirtualMachine, name string) {
	h.reg.Update(ctx, vm, []types.PropertyChange{{Name: "name", Val: name}, {Name: "config.name", Val: name}, {Name: "summary.config.name", Val: name}})
}
