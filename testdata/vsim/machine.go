package vsim

import (
	"fmt"
	"sync"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// A Machine is a virtual machine of a host.
type Machine struct {
	h *Host

	mu    sync.Mutex // taken after vcsim's lock of the machine, never before
	ref   types.ManagedObjectReference
	disks map[int32]*disk // by device key
	shots map[types.ManagedObjectReference]*shot

	linked map[string]string // what the VDDK double is told
}

// A shot is what a snapshot holds of its machine's disks, by device key.
type shot struct {
	data   string // its .vmsn
	layers map[int32]*layer
	tracks map[int32]*track
	whole  map[int32]string // copies of what lies in several layers, for the VDDK double
}

// Machine finds one by its name.
func (h *Host) Machine(name string) *Machine {
	h.t.Helper()
	for _, e := range h.reg.All("VirtualMachine") {
		if vm := e.(*simulator.VirtualMachine); vm.Name == name {
			return h.machine(vm.Self)
		}
	}
	h.t.Fatalf("vsim: no machine %s", name)
	return nil
}

// machine takes in what vcsim has, when it is first asked for: most machines of a large inventory never are.
func (h *Host) machine(ref types.ManagedObjectReference) *Machine {
	h.t.Helper()
	m := h.known(ref)
	h.must(m.sync(h.context()))
	return m
}

func (h *Host) known(ref types.ManagedObjectReference) *Machine {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.machines[ref]
	if m == nil {
		m = &Machine{h: h, ref: ref, disks: make(map[int32]*disk), shots: make(map[types.ManagedObjectReference]*shot)}
		h.machines[ref] = m
	}
	return m
}

// ownerOf is the machine of a machine or snapshot.
func (h *Host) ownerOf(ref types.ManagedObjectReference) types.ManagedObjectReference {
	if s, ok := h.reg.Get(ref).(*simulator.VirtualMachineSnapshot); ok {
		return s.Vm
	}
	return ref
}

// Ref is its moref.
func (m *Machine) Ref() types.ManagedObjectReference {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ref
}

// vm is vcsim's object, nil after an unregistration.
func (m *Machine) vm() *simulator.VirtualMachine {
	vm, _ := m.h.reg.Get(m.Ref()).(*simulator.VirtualMachine)
	return vm
}

// Object is the machine for the test's own client.
func (m *Machine) Object() *object.VirtualMachine {
	return object.NewVirtualMachine(m.h.Client(), m.Ref())
}

// sync takes in disks that are new or longer, and lets go of those that are gone.
func (m *Machine) sync(ctx *simulator.Context) error {
	vm := m.vm()
	if vm == nil {
		return fmt.Errorf("machine %s is not registered", m.Ref().Value)
	}
	var err error
	m.h.reg.WithLock(ctx, vm, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		err = m.take(vm.Config.Hardware.Device)
	})
	return err
}

func (m *Machine) take(devices object.VirtualDeviceList) error {
	names, seen := diskNames(devices), make(map[int32]bool)
	for _, dev := range devices.SelectByType((*types.VirtualDisk)(nil)) {
		dev := dev.(*types.VirtualDisk)
		seen[dev.Key] = true
		d, err := m.takeDisk(names[dev.Key], dev)
		if err != nil {
			return err
		}
		m.disks[dev.Key] = d
	}
	for key := range m.disks {
		if !seen[key] {
			delete(m.disks, key)
		}
	}
	return nil
}

// takeDisk keeps the disk it knows, unless the device has another file now.
func (m *Machine) takeDisk(name string, dev *types.VirtualDisk) (*disk, error) {
	file := dev.Backing.(types.BaseVirtualDeviceFileBackingInfo).GetVirtualDeviceFileBackingInfo().FileName
	d := m.disks[dev.Key]
	if d == nil || d.now.name != file {
		return m.h.newDisk(name, dev)
	}
	d.name, d.apart = name, isApart(dev)
	if d.size != dev.CapacityInBytes {
		return d, m.h.resize(d, dev.CapacityInBytes)
	}
	return d, nil
}

// disk finds one by name, and fails the test if there is none. The lock is held.
func (m *Machine) disk(name string) *disk {
	m.h.t.Helper()
	for _, d := range m.disks {
		if d.name == name {
			return d
		}
	}
	m.h.t.Fatalf("vsim: machine %s has no disk %s", m.ref.Value, name)
	return nil
}

// Files are the flats of its disks, as "[fast] vm/vm-flat.vmdk".
func (m *Machine) Files() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for _, key := range sortedKeys(m.disks) {
		names = append(names, flatName(m.disks[key].flat().name))
	}
	return names
}
