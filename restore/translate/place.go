package translate

import (
	"fmt"

	"github.com/vmware/govmomi/vim25/types"
)

// A place is where a device is plugged in.
type place struct {
	bus          string // scsi, sata, ide, nvme, nvdimm
	number, unit int32
}

// String is what points call a disk there.
func (p place) String() string { return fmt.Sprintf("%s%d-%d", p.bus, p.number, p.unit) }

// vmx is what a .vmx file calls it.
func (p place) vmx() string { return fmt.Sprintf("%s%d:%d", p.bus, p.number, p.unit) }

// places are those of all disks and drives, by device key.
func places(c *types.VirtualMachineConfigInfo) map[int32]place {
	at := map[int32]place{}
	for _, d := range c.Hardware.Device {
		switch d.(type) {
		case *types.VirtualDisk, *types.VirtualCdrom, *types.VirtualNVDIMM:
			v := d.GetVirtualDevice()
			at[v.Key] = placeOf(v, c.Hardware.Device)
		}
	}
	return at
}

func placeOf(v *types.VirtualDevice, devices []types.BaseVirtualDevice) place {
	p := place{bus: "disk"}
	if v.UnitNumber != nil {
		p.unit = *v.UnitNumber
	}
	for _, d := range devices {
		c, ok := d.(types.BaseVirtualController)
		if ok && c.GetVirtualController().Key == v.ControllerKey {
			p.bus, p.number = busOf(d), c.GetVirtualController().BusNumber
		}
	}
	return p
}

// busOf is the kind of bus that a controller has.
func busOf(controller types.BaseVirtualDevice) string {
	switch controller.(type) {
	case types.BaseVirtualSCSIController:
		return "scsi"
	case types.BaseVirtualSATAController:
		return "sata"
	case *types.VirtualNVMEController:
		return "nvme"
	case *types.VirtualIDEController:
		return "ide"
	case *types.VirtualNVDIMMController:
		return "nvdimm"
	}
	return "disk"
}
