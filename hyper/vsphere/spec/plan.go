package spec

import (
	"errors"
	"fmt"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/hyper/vsphere"
)

// ErrBad: what was recorded is no configuration.
var ErrBad = errors.New("configuration that cannot be understood")

// maxDevices bounds the devices of a machine: VMware allows some hundreds.
const maxDevices = 1 << 12

// Check refuses a configuration that is not one.
func Check(c *types.VirtualMachineConfigInfo) error {
	switch n := len(c.Hardware.Device); {
	case c.Name == "":
		return fmt.Errorf("%w: it names no machine", ErrBad)
	case n > maxDevices:
		return fmt.Errorf("%w: it has %d devices", ErrBad, n)
	}
	keys := map[int32]bool{}
	for i, d := range c.Hardware.Device {
		if d == nil || keys[d.GetVirtualDevice().Key] {
			return fmt.Errorf("%w: device %d is none, or has another's key", ErrBad, i)
		}
		keys[d.GetVirtualDevice().Key] = true
	}
	return nil
}

// A Wish says what becomes of a recorded configuration.
type Wish struct {
	Name           string // as the inventory has it
	UUID, Instance string // of the BIOS, and of vCenter
	Files          string // where the machine lies: "[datastore]"

	// Fresh is another machine than the recorded one, which may still be there: its cards get new addresses.
	Fresh bool

	// Has tells whether a file, as "[datastore] iso/x.iso", is there. nil is: yes.
	Has func(file string) bool

	// Network gives what a card is plugged into, by its device key, and whether it is to be connected at power on if it was. nil
	// leaves all as recorded.
	Network func(key int32) (to types.BaseVirtualDeviceBackingInfo, connect bool)
}

// A Plan is what a machine is to be.
type Plan struct {
	Spec     types.VirtualMachineConfigSpec // for CreateVM_Task; it has no disks
	Tracking bool                           // changed block tracking was on; Spec has it not
	Notes    []string

	info  *types.VirtualMachineConfigInfo
	disks []vsphere.Disk
	wish  Wish
	kept  map[int32]int32 // recorded keys of devices, and those in Spec
}

// Make makes a plan of a configuration that Check takes. What it shares with info is not changed.
func Make(info *types.VirtualMachineConfigInfo, w Wish) *Plan {
	p := &Plan{info: info, wish: w, kept: map[int32]int32{}, disks: vsphere.Disks(info.Hardware.Device)}
	p.settings()
	p.extra()
	p.devices()
	return p
}

// Foresee says what of a machine cannot be made again, on whatever server.
func Foresee(info *types.VirtualMachineConfigInfo) []string { return Make(info, Wish{}).Notes }

func (p *Plan) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}
