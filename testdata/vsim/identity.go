package vsim

import (
	"context"
	"fmt"
	"maps"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// vmx is the name of its configuration file, "[fast] vm/vm.vmx".
func (m *Machine) vmx() string {
	var name string
	m.h.reg.WithLock(m.h.context(), m.vm(), func() { name = m.vm().Config.Files.VmPathName })
	return name
}

// Name is that of the inventory.
func (m *Machine) Name() string {
	var name string
	m.h.reg.WithLock(m.h.context(), m.vm(), func() { name = m.vm().Name })
	return name
}

// InstanceUUID is what vCenter knows it by.
func (m *Machine) InstanceUUID() string {
	var id string
	m.h.reg.WithLock(m.h.context(), m.vm(), func() { id = m.vm().Config.InstanceUuid })
	return id
}

// Snapshots is how many it has, whoever made them.
func (m *Machine) Snapshots() (n int) {
	vm := m.vm()
	m.h.reg.WithLock(m.h.context(), vm, func() {
		if vm.Snapshot != nil {
			n = len(tree(vm.Snapshot.RootSnapshotList).all())
		}
	})
	return n
}

// Host is the name of the ESXi host that runs it.
func (m *Machine) Host() string {
	var ref types.ManagedObjectReference
	m.h.reg.WithLock(m.h.context(), m.vm(), func() { ref = *m.vm().Runtime.Host })
	return m.h.reg.Get(ref).(*simulator.HostSystem).Name
}

// Path is its inventory path: "/DC0/vm/web/prod/name".
func (m *Machine) Path() string {
	m.h.t.Helper()
	e, err := m.h.admin.finder.ObjectReference(context.Background(), m.Ref())
	m.h.must(err)
	return e.(*object.VirtualMachine).InventoryPath
}

// Reregister takes it out of the inventory and puts it back: it has another moref, and the same instanceUuid. It must be off,
// and have no snapshots.
func (m *Machine) Reregister() {
	m.h.t.Helper()
	old := m.vm()
	if old.Snapshot != nil {
		m.h.t.Fatalf("vsim: a machine with snapshots is not registered again")
	}
	folder := *old.Parent
	m.h.must(m.Object().Unregister(context.Background()))
	fresh := *old
	fresh.Self = types.ManagedObjectReference{}
	m.h.enlist(folder, &fresh)
	m.h.mu.Lock()
	defer m.h.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.h.machines, m.ref)
	m.ref = fresh.Self
	m.h.machines[m.ref] = m
}

// Unregister takes it out of the inventory for good. It must be off.
func (m *Machine) Unregister() {
	m.h.t.Helper()
	m.h.must(m.Object().Unregister(context.Background()))
}

// enlist puts machines that have the same place into the inventory, with all that refers to them.
func (h *Host) enlist(folder types.ManagedObjectReference, vms ...*simulator.VirtualMachine) {
	var refs []types.ManagedObjectReference
	for _, vm := range vms {
		vm.Parent = &folder
		h.reg.Put(vm)
		vm.Summary.Vm = &vm.Self
		refs = append(refs, vm.Self)
	}
	ctx, place := h.context(), vms[0]
	f := h.reg.Get(folder).(*simulator.Folder)
	h.reg.AppendReference(ctx, f, &f.ChildEntity, refs...)
	host := h.reg.Get(*place.Runtime.Host).(*simulator.HostSystem)
	h.reg.AppendReference(ctx, host, &host.Vm, refs...)
	if pool, ok := h.reg.Get(*place.ResourcePool).(*simulator.ResourcePool); ok {
		h.reg.AppendReference(ctx, pool, &pool.Vm, refs...)
	}
	for _, ref := range place.Datastore {
		ds := h.reg.Get(ref).(*simulator.Datastore)
		h.reg.AppendReference(ctx, ds, &ds.Vm, refs...)
	}
}

// Crowd puts n machines into the inventory that are copies of m but for their names, UUIDs and what change does to them. They
// are for being listed: their files are all m's. They cost next to nothing. Their names are m's with "-0001", and so on.
func (m *Machine) Crowd(n int, change func(i int, vm *simulator.VirtualMachine)) {
	m.h.t.Helper()
	var like simulator.VirtualMachine
	m.h.reg.WithLock(m.h.context(), m.vm(), func() { like = *m.vm() })
	all := make([]*simulator.VirtualMachine, n) // at least one
	for i := range n {
		vm := like
		config := *like.Config
		vm.Config = &config
		vm.Self = types.ManagedObjectReference{}
		vm.Name = fmt.Sprintf("%s-%04d", like.Name, i+1)
		config.Name, config.Uuid, config.InstanceUuid = vm.Name, newUUID(), newUUID()
		vm.Summary.Config.Name, vm.Summary.Config.Uuid, vm.Summary.Config.InstanceUuid = vm.Name, config.Uuid, config.InstanceUuid
		vm.CustomValue, vm.Value, vm.Summary.CustomValue = nil, nil, nil
		vm.DataSets = maps.Clone(like.DataSets)
		if change != nil {
			change(i, &vm)
		}
		all[i] = &vm
	}
	m.h.enlist(*like.Parent, all...)
}
