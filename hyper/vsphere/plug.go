package vsphere

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/vim25/types"
)

// Plug puts disks, whose files are there, where their ControllerKey and UnitNumber say, each in place of the one that is there, whose
// file stays. All of them, or none.
func (c *Conn) Plug(ctx context.Context, machine Ref, disks []*types.VirtualDisk) error {
	m, err := c.Machine(ctx, machine)
	if err != nil {
		return err
	}
	var out, in []types.BaseVirtualDeviceConfigSpec
	for i, d := range disks {
		there := m.at(d.ControllerKey, d.UnitNumber)
		if there != nil && fileOf(there) == fileOf(d) {
			continue
		}
		if there != nil {
			out = append(out, &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationRemove, Device: there})
		}
		fresh := *d
		fresh.Key, fresh.DeviceInfo = int32(-100-i), nil
		in = append(in, &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: &fresh})
	}
	if in == nil {
		return nil
	}
	return c.Reconfigure(ctx, machine, types.VirtualMachineConfigSpec{DeviceChange: append(out, in...)})
}

// at finds the disk at a place.
func (m *Machine) at(controller int32, unit *int32) *types.VirtualDisk {
	for _, dev := range m.Config.Hardware.Device {
		d, ok := dev.(*types.VirtualDisk)
		if ok && d.ControllerKey == controller && d.UnitNumber != nil && unit != nil && *d.UnitNumber == *unit {
			return d
		}
	}
	return nil
}

// Device is a copy of a disk's, as the machine has it, or nil.
func (m *Machine) Device(key int32) *types.VirtualDisk {
	for _, dev := range m.Config.Hardware.Device {
		if d, ok := dev.(*types.VirtualDisk); ok && d.Key == key {
			c := *d
			return &c
		}
	}
	return nil
}

func fileOf(d *types.VirtualDisk) string {
	if f, ok := d.Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
		return f.GetVirtualDeviceFileBackingInfo().FileName
	}
	return ""
}

// Unplug takes all disks from a machine, whose files stay.
func (c *Conn) Unplug(ctx context.Context, m *Machine) error {
	var out []types.BaseVirtualDeviceConfigSpec
	for _, dev := range m.Config.Hardware.Device {
		if d, ok := dev.(*types.VirtualDisk); ok {
			out = append(out, &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationRemove, Device: d})
		}
	}
	if err := c.Reconfigure(ctx, m.Ref, types.VirtualMachineConfigSpec{DeviceChange: out}); err != nil {
		return fmt.Errorf("take the disks from %s: %w", m.Name, err)
	}
	return nil
}
