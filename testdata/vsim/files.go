package vsim

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

func init() {
	for _, m := range []string{"MoveVirtualDisk_Task", "DeleteVirtualDisk_Task", "Destroy_Task"} {
		ownTasks[m] = true
	}
}

// diskCalls answers for the manager of disks that are files.
type diskCalls struct{ calls }

func (c *diskCalls) manager() *simulator.VirtualDiskManager {
	return c.h.reg.Get(c.Self).(*simulator.VirtualDiskManager)
}

// MoveVirtualDiskTask has the descriptor name its data as it is called then, which vcsim's does not.
func (c *diskCalls) MoveVirtualDiskTask(ctx *simulator.Context, req *types.MoveVirtualDisk_Task) soap.HasFault {
	c.enter(ctx)
	return &methods.MoveVirtualDisk_TaskBody{Res: &types.MoveVirtualDisk_TaskResponse{
		Returnval: c.h.task(ctx, c.Self, "MoveVirtualDisk_Task", func(ctx *simulator.Context) (types.AnyType, types.BaseMethodFault) {
			if c.h.inUse(req.SourceName) {
				return nil, &types.FileLocked{FileFault: types.FileFault{File: req.SourceName}}
			}
			result, fault := c.h.ended(c.manager().MoveVirtualDiskTask(ctx, req).(*methods.MoveVirtualDisk_TaskBody).Res.Returnval)
			if fault != nil {
				return nil, fault
			}
			return result, wrong(c.h.renamed(req.DestName))
		}),
	}}
}

func (h *Host) renamed(name string) error {
	flat, err := h.path(flatName(name))
	if err != nil {
		return err
	}
	info, err := os.Stat(flat)
	if err != nil {
		return err
	}
	return h.describe(&layer{name: name, path: flat}, info.Size())
}

// DeleteVirtualDiskTask leaves alone what a running machine has locked.
func (c *diskCalls) DeleteVirtualDiskTask(ctx *simulator.Context, req *types.DeleteVirtualDisk_Task) soap.HasFault {
	c.enter(ctx)
	return &methods.DeleteVirtualDisk_TaskBody{Res: &types.DeleteVirtualDisk_TaskResponse{
		Returnval: c.h.task(ctx, c.Self, "DeleteVirtualDisk_Task", func(ctx *simulator.Context) (types.AnyType, types.BaseMethodFault) {
			if c.h.inUse(req.Name) {
				return nil, &types.FileLocked{FileFault: types.FileFault{File: req.Name}}
			}
			if !c.h.exists(req.Name) {
				return nil, &types.FileNotFound{FileFault: types.FileFault{File: req.Name}}
			}
			return c.h.ended(c.manager().DeleteVirtualDiskTask(ctx, req).(*methods.DeleteVirtualDisk_TaskBody).Res.Returnval)
		}),
	}}
}

// inUse tells whether a machine that is on has a disk.
func (h *Host) inUse(name string) bool {
	for _, e := range h.reg.All("VirtualMachine") {
		vm, used := e.(*simulator.VirtualMachine), false
		h.reg.WithLock(h.context(), vm, func() {
			for _, dev := range vm.Config.Hardware.Device {
				b, ok := dev.GetVirtualDevice().Backing.(types.BaseVirtualDeviceFileBackingInfo)
				used = used || ok && b.GetVirtualDeviceFileBackingInfo().FileName == name
			}
			used = used && vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn
		})
		if used {
			return true
		}
	}
	return false
}

// DestroyTask is refused while a lease holds the machine, and leaves disks in its folder that are not its own; vcsim's takes the folder.
func (c *machineCalls) DestroyTask(ctx *simulator.Context, req *types.Destroy_Task) soap.HasFault {
	c.enter(ctx)
	vm := c.vm()
	return &methods.Destroy_TaskBody{Res: &types.Destroy_TaskResponse{
		Returnval: c.h.task(ctx, c.Self, "Destroy_Task", func(ctx *simulator.Context) (types.AnyType, types.BaseMethodFault) {
			if c.h.leased(c.Self) {
				return nil, &types.InvalidState{}
			}
			back, err := c.h.spare(vm)
			if err != nil {
				return nil, wrong(err)
			}
			result, fault := c.h.ended(vm.DestroyTask(ctx, req).(*methods.Destroy_TaskBody).Res.Returnval)
			if err := back(); err != nil {
				return nil, wrong(err)
			}
			return result, fault
		}),
	}}
}

// spare takes files of disks that are not the machine's out of its folder, and gives what puts them back.
func (h *Host) spare(vm *simulator.VirtualMachine) (back func() error, err error) {
	vmx, err := h.path(vm.Config.Files.VmPathName)
	if err != nil {
		return nil, err
	}
	var own []string
	for _, dev := range vm.Config.Hardware.Device {
		if b, ok := dev.GetVirtualDevice().Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
			name := b.GetVirtualDeviceFileBackingInfo().FileName
			own = append(own, path.Base(name), path.Base(flatName(name)))
		}
	}
	all, err := filepath.Glob(filepath.Join(filepath.Dir(vmx), "*.vmdk"))
	if err != nil {
		return nil, err
	}
	moved := map[string]string{}
	for _, f := range all {
		if !slices.Contains(own, filepath.Base(f)) && !strings.Contains(f, "-0000") {
			moved[f] = filepath.Join(h.dir, "spared-"+newUUID())
			if err := os.Rename(f, moved[f]); err != nil {
				return nil, err
			}
		}
	}
	return func() error {
		for to, from := range moved {
			if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
				return err
			}
			if err := os.Rename(from, to); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// leased tells whether an import of a machine is under way.
func (h *Host) leased(ref types.ManagedObjectReference) bool {
	for _, l := range h.allLeases() {
		if l.imports(ref) {
			return true
		}
	}
	return false
}

func (h *Host) allLeases() []*lease {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Values(h.leases))
}

func (l *lease) imports(ref types.ManagedObjectReference) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		if f.m != nil && f.m.Ref() == ref && !l.over {
			return true
		}
	}
	return false
}

// ExpireLeases ends all leases, as if nobody had told progress: what imports have made goes with them.
func (h *Host) ExpireLeases() {
	for _, l := range h.allLeases() {
		l.expire()
	}
}
