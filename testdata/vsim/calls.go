package vsim

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

func init() {
	for _, m := range []string{"CreateSnapshot_Task", "CreateSnapshotEx_Task", "RemoveSnapshot_Task", "RemoveAllSnapshots_Task",
		"RevertToSnapshot_Task", "ConsolidateVMDisks_Task", "ReconfigVM_Task", "PowerOnVM_Task", "PowerOffVM_Task", "CreateVM_Task"} {
		ownTasks[m] = true
	}
}

// machineCalls answers for a virtual machine.
type machineCalls struct{ calls }

func (c *machineCalls) vm() *simulator.VirtualMachine {
	return c.h.reg.Get(c.Self).(*simulator.VirtualMachine)
}

// CreateSnapshotTask is the old form.
func (c *machineCalls) CreateSnapshotTask(ctx *simulator.Context, req *types.CreateSnapshot_Task) soap.HasFault {
	c.enter(ctx)
	return &methods.CreateSnapshot_TaskBody{Res: &types.CreateSnapshot_TaskResponse{
		Returnval: c.h.task(ctx, c.Self, "CreateSnapshot_Task", c.h.createSnapshot(c.vm(), *req)),
	}}
}

// CreateSnapshotExTask is the form with a specification of how to quiesce.
func (c *machineCalls) CreateSnapshotExTask(ctx *simulator.Context, req *types.CreateSnapshotEx_Task) soap.HasFault {
	c.enter(ctx)
	old := types.CreateSnapshot_Task{This: req.This, Name: req.Name, Description: req.Description, Memory: req.Memory, Quiesce: req.QuiesceSpec != nil}
	return &methods.CreateSnapshotEx_TaskBody{Res: &types.CreateSnapshotEx_TaskResponse{
		Returnval: c.h.task(ctx, c.Self, "CreateSnapshotEx_Task", c.h.createSnapshot(c.vm(), old)),
	}}
}

// RemoveAllSnapshotsTask leaves the disks consolidated.
func (c *machineCalls) RemoveAllSnapshotsTask(ctx *simulator.Context, req *types.RemoveAllSnapshots_Task) soap.HasFault {
	c.enter(ctx)
	vm := c.vm()
	return &methods.RemoveAllSnapshots_TaskBody{Res: &types.RemoveAllSnapshots_TaskResponse{
		Returnval: c.h.task(ctx, c.Self, "RemoveAllSnapshots_Task", c.h.dropping(vm, isTrue(req.Consolidate, true), func(ctx *simulator.Context) (types.AnyType, types.BaseMethodFault) {
			if vm.Snapshot != nil {
				c.h.dropSnapshots(ctx, vm, tree(vm.Snapshot.RootSnapshotList).all())
			}
			return nil, nil
		})),
	}}
}

// ConsolidateVMDisksTask is not in vcsim.
func (c *machineCalls) ConsolidateVMDisksTask(ctx *simulator.Context, req *types.ConsolidateVMDisks_Task) soap.HasFault {
	c.enter(ctx)
	return &methods.ConsolidateVMDisks_TaskBody{Res: &types.ConsolidateVMDisks_TaskResponse{
		Returnval: c.h.task(ctx, c.Self, "ConsolidateVMDisks_Task", c.h.consolidation(c.vm())),
	}}
}

// ReconfigVMTask takes in what it did to disks.
func (c *machineCalls) ReconfigVMTask(ctx *simulator.Context, req *types.ReconfigVM_Task) soap.HasFault {
	c.enter(ctx)
	return &methods.ReconfigVM_TaskBody{Res: &types.ReconfigVM_TaskResponse{
		Returnval: c.h.task(ctx, c.Self, "ReconfigVM_Task", c.h.reconfigure(c.vm(), req)),
	}}
}

// PowerOnVMTask is a stun.
func (c *machineCalls) PowerOnVMTask(ctx *simulator.Context, req *types.PowerOnVM_Task) soap.HasFault {
	c.enter(ctx)
	vm := c.vm()
	return &methods.PowerOnVM_TaskBody{Res: &types.PowerOnVM_TaskResponse{
		Returnval: c.h.task(ctx, c.Self, "PowerOnVM_Task", c.h.dropping(vm, false, func(ctx *simulator.Context) (types.AnyType, types.BaseMethodFault) {
			body := vm.PowerOnVMTask(ctx, req).(*methods.PowerOnVM_TaskBody)
			if body.Fault_ != nil {
				return nil, body.Fault_.VimFault().(types.BaseMethodFault)
			}
			return c.h.ended(body.Res.Returnval)
		})),
	}}
}

// PowerOffVMTask lets go of the disks.
func (c *machineCalls) PowerOffVMTask(ctx *simulator.Context, req *types.PowerOffVM_Task) soap.HasFault {
	c.enter(ctx)
	vm := c.vm()
	return &methods.PowerOffVM_TaskBody{Res: &types.PowerOffVM_TaskResponse{
		Returnval: c.h.task(ctx, c.Self, "PowerOffVM_Task", c.h.dropping(vm, false, func(ctx *simulator.Context) (types.AnyType, types.BaseMethodFault) {
			return c.h.ended(vm.PowerOffVMTask(ctx, req).(*methods.PowerOffVM_TaskBody).Res.Returnval)
		})),
	}}
}

// snapshotCalls answers for a snapshot.
type snapshotCalls struct{ calls }

func (c *snapshotCalls) parts() (*simulator.VirtualMachine, *simulator.VirtualMachineSnapshot) {
	s := c.h.reg.Get(c.Self).(*simulator.VirtualMachineSnapshot)
	return c.h.reg.Get(s.Vm).(*simulator.VirtualMachine), s
}

// RemoveSnapshotTask sinks the deltas.
func (c *snapshotCalls) RemoveSnapshotTask(ctx *simulator.Context, req *types.RemoveSnapshot_Task) soap.HasFault {
	c.enter(ctx)
	vm, _ := c.parts()
	return &methods.RemoveSnapshot_TaskBody{Res: &types.RemoveSnapshot_TaskResponse{
		Returnval: c.h.task(ctx, vm.Self, "RemoveSnapshot_Task", c.h.dropping(vm, isTrue(req.Consolidate, true), func(ctx *simulator.Context) (types.AnyType, types.BaseMethodFault) {
			return c.h.removeSnapshot(ctx, vm, req)
		})),
	}}
}

// RevertToSnapshotTask makes the machine go on from what the snapshot froze.
func (c *snapshotCalls) RevertToSnapshotTask(ctx *simulator.Context, req *types.RevertToSnapshot_Task) soap.HasFault {
	c.enter(ctx)
	vm, s := c.parts()
	return &methods.RevertToSnapshot_TaskBody{Res: &types.RevertToSnapshot_TaskResponse{
		Returnval: c.h.task(ctx, vm.Self, "RevertToSnapshot_Task", c.h.revert(vm, s, req)),
	}}
}

// folderCalls answers for a folder.
type folderCalls struct{ calls }

// CreateVMTask gives new disks their length.
func (c *folderCalls) CreateVMTask(ctx *simulator.Context, req *types.CreateVM_Task) soap.HasFault {
	c.enter(ctx)
	return &methods.CreateVM_TaskBody{Res: &types.CreateVM_TaskResponse{
		Returnval: c.h.task(ctx, c.Self, "CreateVM_Task", c.h.createVM(c.Self, req)),
	}}
}

func isTrue(b *bool, otherwise bool) bool {
	if b == nil {
		return otherwise
	}
	return *b
}
