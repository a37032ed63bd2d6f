package vsim

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// poolCalls answers for a resource pool.
type poolCalls struct{ calls }

// ImportVApp makes a machine and lets its disks be uploaded. A lease that is aborted, or times out, takes the machine with it.
func (c *poolCalls) ImportVApp(ctx *simulator.Context, req *types.ImportVApp) soap.HasFault {
	c.enter(ctx)
	body := new(methods.ImportVAppBody)
	spec, ok := req.Spec.(*types.VirtualMachineImportSpec)
	if !ok {
		body.Fault_ = simulator.Fault("", invalid("spec"))
		return body
	}
	l := c.h.newLease(ctx, nil)
	own, session := *ctx, *ctx.Session
	own.Session = &session
	go c.h.importing(&own, l, &types.CreateVM_Task{This: c.h.importFolder(req), Config: spec.ConfigSpec, Pool: c.Self, Host: req.Host})
	body.Res = &types.ImportVAppResponse{Returnval: l.Self}
	return body
}

func (h *Host) importFolder(req *types.ImportVApp) types.ManagedObjectReference {
	if req.Folder != nil {
		return *req.Folder
	}
	return h.reg.Get(h.admin.dc.Reference()).(*simulator.Datacenter).VmFolder
}

func (h *Host) importing(ctx *simulator.Context, l *lease, req *types.CreateVM_Task) {
	h.slow("ImportVApp")
	result, fault := h.createVM(req.This, req)(ctx)
	if fault != nil {
		l.fail(fault)
		return
	}
	m := h.known(result.(types.ManagedObjectReference))
	vm := m.vm()
	var devices object.VirtualDeviceList
	h.reg.WithLock(ctx, vm, func() { devices, l.door = vm.Config.Hardware.Device, h.doors[*vm.Runtime.Host] })
	if !l.owns(func() { h.destroy(m.Ref()) }) {
		return
	}
	urls, total := []types.HttpNfcLeaseDeviceUrl{}, int64(0)
	for i, dev := range devices.SelectByType((*types.VirtualDisk)(nil)) {
		name := fmt.Sprintf("disk-%d.vmdk", i)
		l.mu.Lock()
		l.files[name] = &leaseFile{m: m, key: dev.GetVirtualDevice().Key}
		l.mu.Unlock()
		url, thumbprint := l.url(name)
		urls = append(urls, types.HttpNfcLeaseDeviceUrl{Key: fmt.Sprintf("/%s/%s", m.Ref().Value, slot(devices, dev)),
			ImportKey: fmt.Sprintf("/%s/%s", req.Config.Name, slot(devices, dev)), Url: url, SslThumbprint: thumbprint,
			Disk: types.NewBool(true), TargetId: name})
		total += capacity(devices, dev.GetVirtualDevice().Key)
	}
	l.ready(m.Ref(), urls, total)
}

// destroy removes a machine that an import has not finished. If it is gone already, so much the better.
func (h *Host) destroy(ref types.ManagedObjectReference) {
	ctx := context.Background()
	if task, err := object.NewVirtualMachine(h.Client(), ref).Destroy(ctx); err == nil {
		task.Wait(ctx)
	}
}

// ovfCalls answers for the OVF manager.
type ovfCalls struct{ calls }

// CreateImportSpec names files by the slots that leases name, as vSphere does; vcsim counts them.
func (c *ovfCalls) CreateImportSpec(ctx *simulator.Context, req *types.CreateImportSpec) soap.HasFault {
	c.enter(ctx)
	res := c.h.reg.Get(c.Self).(*simulator.OvfManager).CreateImportSpec(ctx, req)
	body, ok := res.(*methods.CreateImportSpecBody)
	if !ok || body.Res == nil {
		return res
	}
	spec, ok := body.Res.Returnval.ImportSpec.(*types.VirtualMachineImportSpec)
	if !ok {
		return res
	}
	var devices object.VirtualDeviceList
	for _, change := range spec.ConfigSpec.DeviceChange {
		devices = append(devices, change.GetVirtualDeviceConfigSpec().Device)
	}
	for i, dev := range devices.SelectByType((*types.VirtualDisk)(nil)) {
		for n, item := range body.Res.Returnval.FileItem {
			if item.DeviceId == fmt.Sprintf("/%s/disk:%d", spec.ConfigSpec.Name, i) {
				body.Res.Returnval.FileItem[n].DeviceId = fmt.Sprintf("/%s/%s", spec.ConfigSpec.Name, slot(devices, dev))
			}
		}
	}
	return body
}
