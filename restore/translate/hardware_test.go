package translate

import (
	"bytes"
	"errors"
	"maps"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/index/format"
	"vbfs/restore/machine"
)

// pointOf is a point with disks of these names, and one configuration.
func pointOf(kind string, data []byte, disks ...string) machine.Machine {
	m := &format.Manifest{MachineName: "web01", Name: "2026-11-20T20-03-27Z", Configs: []format.ConfigFile{{Kind: kind, Data: data}}}
	for _, name := range disks {
		m.Disks = append(m.Disks, format.Disk{Name: name, Size: 1 << 20, State: format.DiskOK})
	}
	return machine.Machine{Point: m}
}

func vimJSON(t *testing.T, c *types.VirtualMachineConfigInfo) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := types.NewJSONEncoder(&b).Encode(c); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// device is what all devices have.
func device(key, controller, unit int32) types.VirtualDevice {
	return types.VirtualDevice{Key: key, ControllerKey: controller, UnitNumber: &unit}
}

func controller(key, bus int32) types.VirtualController {
	return types.VirtualController{VirtualDevice: types.VirtualDevice{Key: key}, BusNumber: bus}
}

func TestRecorded(t *testing.T) {
	c := &types.VirtualMachineConfigInfo{Name: "web01", Uuid: "564d1234-5678-9abc-def0-123456789abc"}
	c.Hardware.Device = []types.BaseVirtualDevice{
		&types.ParaVirtualSCSIController{VirtualSCSIController: types.VirtualSCSIController{VirtualController: controller(1001, 1)}},
		&types.VirtualAHCIController{VirtualSATAController: types.VirtualSATAController{VirtualController: controller(15000, 0)}},
		&types.VirtualDisk{VirtualDevice: device(2017, 1001, 1), CapacityInKB: 1024},
		&types.VirtualDisk{VirtualDevice: device(16003, 15000, 3), CapacityInKB: 1024},
	}
	h, err := Config(pointOf("vsphere-config", vimJSON(t, c), "scsi1-1", "sata0-3", "nvme0-0"))
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]int32{"scsi1-1": 2017, "sata0-3": 16003}; !maps.Equal(h.Disks, want) || !h.Recorded || h.Notes != nil {
		t.Errorf("%+v", h)
	}
	if !bytes.Equal(vimJSON(t, h.Config), vimJSON(t, c)) {
		t.Errorf("%s", vimJSON(t, h.Config))
	}
	for _, bad := range []string{"", "null", "{", "[]", `{"_typeName":"VirtualMachineConfigInfo"}`} {
		if _, err := Config(pointOf("vsphere-config", []byte(bad))); bad != "" && !errors.Is(err, machine.ErrBadDefinition) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := Config(pointOf("nvram", []byte{1})); !errors.Is(err, machine.ErrNoDefinition) {
		t.Errorf("%v", err)
	}
}
