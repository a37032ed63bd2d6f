package vsim

import (
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// wrong is the fault for what this package could not do to its own files.
func wrong(err error) types.BaseMethodFault {
	if err == nil {
		return nil
	}
	return &types.SystemError{Reason: err.Error()}
}

// createSnapshot lets vcsim make the snapshot, and freezes the disks.
func (h *Host) createSnapshot(vm *simulator.VirtualMachine, req types.CreateSnapshot_Task) job {
	return func(ctx *simulator.Context) (result types.AnyType, fault types.BaseMethodFault) {
		m := h.known(vm.Self)
		if err := m.sync(ctx); err != nil {
			return nil, wrong(err)
		}
		h.reg.WithLock(ctx, vm, func() {
			if fault = unfit(vm); fault != nil {
				return
			}
			result, fault = h.ended(vm.CreateSnapshotTask(ctx, &req).(*methods.CreateSnapshot_TaskBody).Res.Returnval)
			if fault == nil {
				fault = wrong(m.freeze(ctx, vm, result.(types.ManagedObjectReference)))
			}
		})
		return result, fault
	}
}

// unfit refuses snapshots as vSphere does.
func unfit(vm *simulator.VirtualMachine) types.BaseMethodFault {
	if vm.Config.Template {
		return &types.NotSupported{}
	}
	for _, d := range vm.Config.Hardware.Device {
		c, ok := d.(types.BaseVirtualSCSIController)
		if ok && c.GetVirtualSCSIController().SharedBus != types.VirtualSCSISharingNoSharing && c.GetVirtualSCSIController().SharedBus != "" {
			return &types.NotSupported{}
		}
	}
	return nil
}

// dropping runs what may make snapshots vanish, and then does to the disks what follows.
func (h *Host) dropping(vm *simulator.VirtualMachine, consolidate bool, do job) job {
	return func(ctx *simulator.Context) (result types.AnyType, fault types.BaseMethodFault) {
		m := h.known(vm.Self)
		if err := m.sync(ctx); err != nil {
			return nil, wrong(err)
		}
		h.reg.WithLock(ctx, vm, func() {
			if result, fault = do(ctx); fault == nil {
				fault = wrong(m.thaw(ctx, vm, consolidate))
			}
		})
		return result, fault
	}
}

func (h *Host) consolidation(vm *simulator.VirtualMachine) job {
	return h.dropping(vm, true, func(*simulator.Context) (types.AnyType, types.BaseMethodFault) {
		for _, d := range h.known(vm.Self).flats() {
			if isHeld(d) {
				return nil, &types.FileLocked{FileFault: types.FileFault{File: d}}
			}
		}
		return nil, nil
	})
}

// flats are the files of the machine's disks.
func (m *Machine) flats() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for _, key := range sortedKeys(m.disks) {
		all = append(all, m.disks[key].flat().path)
	}
	return all
}

// removeSnapshot removes one, or with it all below.
func (h *Host) removeSnapshot(ctx *simulator.Context, vm *simulator.VirtualMachine, req *types.RemoveSnapshot_Task) (types.AnyType, types.BaseMethodFault) {
	if vm.Snapshot == nil || h.reg.Get(req.This) == nil {
		return nil, &types.ManagedObjectNotFound{Obj: req.This}
	}
	gone := []types.ManagedObjectReference{req.This}
	if req.RemoveChildren {
		path := tree(vm.Snapshot.RootSnapshotList).path(req.This)
		gone = path[len(path)-1:].all()
	}
	h.dropSnapshots(ctx, vm, gone)
	return nil, nil
}

// revert puts a new delta on what the snapshot froze. What the machine has written since is lost, and its numbers come again.
func (h *Host) revert(vm *simulator.VirtualMachine, s *simulator.VirtualMachineSnapshot, req *types.RevertToSnapshot_Task) job {
	return h.dropping(vm, true, func(ctx *simulator.Context) (types.AnyType, types.BaseMethodFault) {
		result, fault := h.ended(s.RevertToSnapshotTask(ctx, req).(*methods.RevertToSnapshot_TaskBody).Res.Returnval)
		if fault != nil {
			return nil, fault
		}
		m := h.known(vm.Self)
		m.mu.Lock()
		defer m.mu.Unlock()
		for key, d := range m.disks {
			if l := m.shots[s.Self].layers[key]; l != nil {
				d.now = l
				if err := h.grow(d); err != nil {
					return nil, wrong(err)
				}
			}
			if t := m.shots[s.Self].tracks[key]; t != nil {
				d.track = t.revive()
			}
		}
		return result, nil
	})
}

// reconfigure refuses to lengthen a disk that a snapshot stands on, as vSphere does and vcsim does not.
func (h *Host) reconfigure(vm *simulator.VirtualMachine, req *types.ReconfigVM_Task) job {
	return func(ctx *simulator.Context) (result types.AnyType, fault types.BaseMethodFault) {
		if fault := h.faulty(&req.Spec); fault != nil {
			return nil, fault
		}
		h.reg.WithLock(ctx, vm, func() {
			if vm.Snapshot != nil && lengthens(vm, req.Spec.DeviceChange) {
				fault = &types.InvalidDeviceOperation{}
				return
			}
			result, fault = h.ended(vm.ReconfigVMTask(ctx, req).(*methods.ReconfigVM_TaskBody).Res.Returnval)
		})
		if fault != nil {
			return nil, fault
		}
		m := h.known(vm.Self)
		if err := m.sync(ctx); err != nil {
			return nil, wrong(err)
		}
		h.reg.WithLock(ctx, vm, func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			keep(vm, &req.Spec)
			m.disable(vm)
			fault = wrong(m.publish(ctx, vm))
		})
		return result, fault
	}
}

// disable ends tracking at once, unlike its beginning.
func (m *Machine) disable(vm *simulator.VirtualMachine) {
	if isTrue(vm.Config.ChangeTrackingEnabled, false) {
		return
	}
	for _, d := range m.disks {
		d.track = nil
	}
}

func lengthens(vm *simulator.VirtualMachine, changes []types.BaseVirtualDeviceConfigSpec) bool {
	for _, c := range changes {
		spec := c.GetVirtualDeviceConfigSpec()
		d, ok := spec.Device.(*types.VirtualDisk)
		if ok && spec.Operation == types.VirtualDeviceConfigSpecOperationEdit &&
			max(d.CapacityInBytes, d.CapacityInKB<<10) > capacity(object.VirtualDeviceList(vm.Config.Hardware.Device), d.Key) {
			return true
		}
	}
	return false
}

// createVM gives the disks of a new machine their length, so that a client finds them whole.
func (h *Host) createVM(folder types.ManagedObjectReference, req *types.CreateVM_Task) job {
	return func(ctx *simulator.Context) (result types.AnyType, fault types.BaseMethodFault) {
		if fault := h.faulty(&req.Config); fault != nil {
			return nil, fault
		}
		name := plainName(&req.Config)
		f := h.reg.Get(folder).(*simulator.Folder)
		h.reg.WithLock(ctx, f, func() {
			result, fault = h.ended(f.CreateVMTask(ctx, req).(*methods.CreateVM_TaskBody).Res.Returnval)
		})
		if fault != nil {
			return nil, fault
		}
		m := h.known(result.(types.ManagedObjectReference))
		if err := m.sync(ctx); err != nil {
			return nil, wrong(err)
		}
		vm := m.vm()
		h.reg.WithLock(ctx, vm, func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			keep(vm, &req.Config)
			h.escape(ctx, vm, name)
			fault = wrong(m.publish(ctx, vm))
		})
		return result, fault
	}
}
