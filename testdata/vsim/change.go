package vsim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// AddDisk hot-plugs a new disk, on a controller of its kind, and returns its name.
func (m *Machine) AddDisk(d Disk) string {
	m.h.t.Helper()
	before := m.Disks()
	devices, err := m.Object().Device(context.Background())
	m.h.must(err)
	if d.Datastore == "" {
		var p object.DatastorePath
		p.FromString(m.vmx())
		d.Datastore = p.Datastore
	}
	spec := &Spec{Datastore: d.Datastore}
	var add object.VirtualDeviceList
	c := controllerOf(devices, d.On)
	if c == nil {
		c = spec.controller(d.On, -100)
		add = append(add, c.(types.BaseVirtualDevice))
	}
	m.edit(types.VirtualDeviceConfigSpecOperationAdd, append(add, d.device(spec, -200, c.GetVirtualController().Key, freeUnit(devices, c)))...)
	for _, name := range m.Disks() {
		if !slices.Contains(before, name) {
			m.fillDisk(name, d.Content)
			return name
		}
	}
	m.h.t.Fatalf("vsim: the disk is not there")
	return ""
}

// fillDisk puts content where nothing tracks it.
func (m *Machine) fillDisk(name string, content []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.disk(name)
	m.h.must(d.now.writeAt(content, 0, d.size))
}

func controllerOf(devices object.VirtualDeviceList, kind string) types.BaseVirtualController {
	if kind == "" {
		kind = "scsi"
	}
	for _, dev := range devices {
		if c, ok := dev.(types.BaseVirtualController); ok && isBus(c) && bus(c) == kind {
			return c
		}
	}
	return nil
}

func isBus(c types.BaseVirtualController) bool {
	_, ide := c.(*types.VirtualIDEController)
	return ide || bus(c) != "ide"
}

func freeUnit(devices object.VirtualDeviceList, c types.BaseVirtualController) int32 {
	used := map[int32]bool{}
	if _, ok := c.(types.BaseVirtualSCSIController); ok {
		used[7] = true // its own
	}
	for _, dev := range devices {
		if d := dev.GetVirtualDevice(); d.ControllerKey == c.GetVirtualController().Key && d.UnitNumber != nil {
			used[*d.UnitNumber] = true
		}
	}
	unit := int32(0)
	for used[unit] {
		unit++
	}
	return unit
}

// ExtendDisk makes a disk longer. Changed block tracking goes on, and does not tell what was added.
func (m *Machine) ExtendDisk(name string, size int64) {
	m.h.t.Helper()
	d := m.device(name)
	d.CapacityInBytes, d.CapacityInKB = size, size>>10
	m.edit(types.VirtualDeviceConfigSpecOperationEdit, d)
}

// RemoveDisk takes a disk away and destroys its files.
func (m *Machine) RemoveDisk(name string) {
	m.h.t.Helper()
	m.edit(types.VirtualDeviceConfigSpecOperationRemove, m.device(name))
}

// edit reconfigures the machine; new disks are created, removed ones destroyed.
func (m *Machine) edit(op types.VirtualDeviceConfigSpecOperation, devices ...types.BaseVirtualDevice) {
	m.h.t.Helper()
	var changes []types.BaseVirtualDeviceConfigSpec
	for _, dev := range devices {
		c := &types.VirtualDeviceConfigSpec{Operation: op, Device: dev}
		if _, ok := dev.(*types.VirtualDisk); ok {
			c.FileOperation = map[types.VirtualDeviceConfigSpecOperation]types.VirtualDeviceConfigSpecFileOperation{
				types.VirtualDeviceConfigSpecOperationAdd:    types.VirtualDeviceConfigSpecFileOperationCreate,
				types.VirtualDeviceConfigSpecOperationRemove: types.VirtualDeviceConfigSpecFileOperationDestroy}[op]
		}
		changes = append(changes, c)
	}
	m.await(m.Object().Reconfigure(context.Background(), types.VirtualMachineConfigSpec{DeviceChange: changes}))
}

// device is a copy of a disk's.
func (m *Machine) device(name string) *types.VirtualDisk {
	m.h.t.Helper()
	devices, err := m.Object().Device(context.Background())
	m.h.must(err)
	for key, n := range diskNames(devices) {
		if n == name {
			return devices.FindByKey(key).(*types.VirtualDisk)
		}
	}
	m.h.t.Fatalf("vsim: no disk %s", name)
	return nil
}

// MoveDisk puts a disk's files on another datastore, as Storage vMotion does: its tracking begins another generation. There
// must be no snapshot.
func (m *Machine) MoveDisk(name, datastore string) {
	m.h.t.Helper()
	m.change(func() error {
		if len(m.shots) > 0 {
			return errors.New("a machine with snapshots is not moved")
		}
		d := m.disk(name)
		var p object.DatastorePath
		p.FromString(d.now.name)
		to := &layer{name: fmt.Sprintf("[%s] %s", datastore, path.Join(path.Dir(p.Path), "moved-"+path.Base(p.Path)))}
		var err error
		if to.path, err = m.h.path(flatName(to.name)); err != nil {
			return err
		}
		if err = m.h.moveFiles(d, to); err != nil {
			return err
		}
		d.now = to
		if d.track != nil {
			d.track = newTrack(false)
		}
		return nil
	})
}

func (h *Host) moveFiles(d *disk, to *layer) error {
	if err := os.MkdirAll(filepath.Dir(to.path), 0o700); err != nil {
		return err
	}
	if err := d.now.copyTo(to.path, d.size); err != nil {
		return err
	}
	from, err := h.path(d.now.name)
	if err != nil {
		return err
	}
	descriptor, err := h.path(to.name)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(descriptor, text, 0o600), h.describe(to, d.size), os.Remove(from), os.Remove(d.now.path))
}

// LeaveDeltas removes a snapshot without consolidating: the machine needs it from then on.
func (m *Machine) LeaveDeltas() {
	m.h.t.Helper()
	ref := m.Snapshot("left over")
	m.await(m.Object().RemoveSnapshot(context.Background(), ref.Value, false, types.NewBool(false)))
}

// MarkAsTemplate turns it off and makes it a template.
func (m *Machine) MarkAsTemplate() {
	m.h.t.Helper()
	if m.isOn() {
		m.PowerOff()
	}
	m.h.must(m.Object().MarkAsTemplate(context.Background()))
}

func (m *Machine) isOn() bool {
	m.h.t.Helper()
	state, err := m.Object().PowerState(context.Background())
	m.h.must(err)
	return state == types.VirtualMachinePowerStatePoweredOn
}
