package vsim

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// ExportVm is for machines that are off.
func (c *machineCalls) ExportVm(ctx *simulator.Context, _ *types.ExportVm) soap.HasFault {
	c.enter(ctx)
	vm, body := c.vm(), new(methods.ExportVmBody)
	if state := vm.Runtime.PowerState; state != types.VirtualMachinePowerStatePoweredOff {
		body.Fault_ = simulator.Fault("", &types.InvalidPowerState{RequestedState: types.VirtualMachinePowerStatePoweredOff, ExistingState: state})
		return body
	}
	l := c.h.newLease(ctx, vm)
	devices := vm.Config.Hardware.Device
	go c.h.export(l, vm.Self, devices, func(d *disk) *layer { return d.now })
	body.Res = &types.ExportVmResponse{Returnval: l.Self}
	return body
}

// ExportSnapshot is for machines that run, too.
func (c *snapshotCalls) ExportSnapshot(ctx *simulator.Context, _ *types.ExportSnapshot) soap.HasFault {
	c.enter(ctx)
	vm, s := c.parts()
	l := c.h.newLease(ctx, vm)
	frozen := c.h.known(vm.Self).shotOf(s.Self)
	go c.h.export(l, vm.Self, s.Config.Hardware.Device, func(d *disk) *layer { return frozen.layers[d.key] })
	return &methods.ExportSnapshotBody{Res: &types.ExportSnapshotResponse{Returnval: l.Self}}
}

func (m *Machine) shotOf(ref types.ManagedObjectReference) *shot {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.shots[ref]
}

// export packs the disks, and makes the lease ready.
func (h *Host) export(l *lease, ref types.ManagedObjectReference, devices object.VirtualDeviceList, of func(*disk) *layer) {
	m := h.known(ref)
	m.mu.Lock()
	defer m.mu.Unlock()
	var urls []types.HttpNfcLeaseDeviceUrl
	total := int64(0)
	for _, dev := range devices.SelectByType((*types.VirtualDisk)(nil)) {
		d := m.disks[dev.GetVirtualDevice().Key]
		if d == nil || of(d) == nil {
			continue
		}
		name := fmt.Sprintf("disk-%d.vmdk", len(urls))
		if err := l.pack(name, d, of(d)); err != nil {
			l.fail(&types.SystemError{Reason: err.Error()})
			return
		}
		total += d.size
		url, thumbprint := l.url(name)
		urls = append(urls, types.HttpNfcLeaseDeviceUrl{Key: fmt.Sprintf("/%s/%s", ref.Value, slot(devices, dev)), Url: url,
			SslThumbprint: thumbprint, Disk: types.NewBool(true), TargetId: name})
	}
	l.ready(ref, urls, total)
}

// pack makes a streamOptimized image of a layer, and holds the flat.
func (l *lease) pack(name string, d *disk, of *layer) error {
	flat, err := os.Open(d.flat().path)
	if err != nil {
		return err
	}
	if err = hold(flat); err != nil {
		return err
	}
	raw, packed := of.path, filepath.Join(l.h.dir, "export-"+newUUID())
	if of.parent != nil {
		raw = filepath.Join(l.h.dir, "whole-"+newUUID())
		defer os.Remove(raw)
		if err = of.copyTo(raw, d.size); err != nil {
			return err
		}
	}
	if err = qemuImg("convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", raw, packed); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = append(l.held, flat)
	l.files[name] = &leaseFile{path: packed}
	return nil
}

// slot names a disk as leases do: "ParaVirtualSCSIController0:1".
func slot(devices object.VirtualDeviceList, dev types.BaseVirtualDevice) string {
	d := dev.GetVirtualDevice()
	c, ok := devices.FindByKey(d.ControllerKey).(types.BaseVirtualController)
	if !ok || d.UnitNumber == nil {
		return fmt.Sprintf("disk:%d", d.Key)
	}
	return fmt.Sprintf("%s%d:%d", reflect.TypeOf(c).Elem().Name(), c.GetVirtualController().BusNumber, *d.UnitNumber)
}
