package vsim

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// PowerOn and PowerOff, as an administrator does it.
func (m *Machine) PowerOn() {
	m.h.t.Helper()
	m.await(m.Object().PowerOn(context.Background()))
}

func (m *Machine) PowerOff() {
	m.h.t.Helper()
	m.await(m.Object().PowerOff(context.Background()))
}

// MoveHost makes another host run it, as vMotion does, and returns that host.
func (m *Machine) MoveHost() types.ManagedObjectReference {
	m.h.t.Helper()
	hosts, err := m.h.admin.finder.HostSystemList(context.Background(), "*/*")
	m.h.must(err)
	var old types.ManagedObjectReference
	m.h.reg.WithLock(m.h.context(), m.vm(), func() { old = *m.vm().Runtime.Host })
	for _, host := range hosts {
		if to := host.Reference(); to != old {
			m.h.reg.AtomicUpdate(m.h.context(), m.vm(), []types.PropertyChange{{Name: "runtime.host", Val: &to}, {Name: "summary.runtime.host", Val: &to}})
			return to
		}
	}
	m.h.t.Fatalf("vsim: there is no other host")
	return old
}

// Snapshot is a user's. It returns the moref.
func (m *Machine) Snapshot(name string) types.ManagedObjectReference {
	m.h.t.Helper()
	return m.await(m.Object().CreateSnapshot(context.Background(), name, "", false, false)).(types.ManagedObjectReference)
}

// RemoveSnapshot and Revert take a snapshot's moref.
func (m *Machine) RemoveSnapshot(ref types.ManagedObjectReference) {
	m.h.t.Helper()
	m.await(m.Object().RemoveSnapshot(context.Background(), ref.Value, false, types.NewBool(true)))
}

// Revert makes the machine go on from a snapshot.
func (m *Machine) Revert(ref types.ManagedObjectReference) {
	m.h.t.Helper()
	m.await(m.Object().RevertToSnapshot(context.Background(), ref.Value, true))
}

// EnableCBT sets the flag; tracking begins at the next stun. DisableCBT ends it at once.
func (m *Machine) EnableCBT()  { m.h.t.Helper(); m.setCBT(true) }
func (m *Machine) DisableCBT() { m.h.t.Helper(); m.setCBT(false) }

// NeverCBT makes its virtual hardware too old for changed block tracking.
func (m *Machine) NeverCBT() {
	m.h.t.Helper()
	m.h.reg.AtomicUpdate(m.h.context(), m.vm(), []types.PropertyChange{{Name: "capability.changeTrackingSupported", Val: false}})
}

func (m *Machine) setCBT(on bool) {
	m.h.t.Helper()
	m.await(m.Object().Reconfigure(context.Background(), types.VirtualMachineConfigSpec{ChangeTrackingEnabled: &on}))
}

func (m *Machine) await(t *object.Task, err error) any {
	m.h.t.Helper()
	m.h.must(err)
	info, err := t.WaitForResult(context.Background())
	var own *types.SystemError
	if _, ok := fault.As(err, &own); ok {
		err = fmt.Errorf("%w: %s", err, own.Reason)
	}
	m.h.must(err)
	return info.Result
}
