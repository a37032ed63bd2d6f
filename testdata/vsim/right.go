package vsim

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// needs says which privilege a method asks for: API reference, "Required Privileges".
var needs = map[string]string{
	"CreateSnapshot_Task":     "VirtualMachine.State.CreateSnapshot",
	"CreateSnapshotEx_Task":   "VirtualMachine.State.CreateSnapshot",
	"RemoveSnapshot_Task":     "VirtualMachine.State.RemoveSnapshot",
	"RemoveAllSnapshots_Task": "VirtualMachine.State.RemoveSnapshot",
	"ConsolidateVMDisks_Task": "VirtualMachine.State.RemoveSnapshot",
	"RevertToSnapshot_Task":   "VirtualMachine.State.RevertToSnapshot",
	"QueryChangedDiskAreas":   "VirtualMachine.Provisioning.DiskRandomRead",
	"ExportSnapshot":          "VirtualMachine.Provisioning.GetVmFiles",
	"ExportVm":                "VApp.Export",
	"ImportVApp":              "VApp.Import",
	"CreateVM_Task":           "VirtualMachine.Inventory.Create",
	"PowerOnVM_Task":          "VirtualMachine.Interact.PowerOn",
	"PowerOffVM_Task":         "VirtualMachine.Interact.PowerOff",
	"Destroy_Task":            "VirtualMachine.Inventory.Delete",
	"UnregisterVM":            "VirtualMachine.Inventory.Unregister",
	"SetField":                "Global.SetCustomField",
	"AddCustomFieldDef":       "Global.ManageCustomFields",
}

// Deny takes privileges away from the account of clients, on everything.
func (h *Host) Deny(privileges ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range privileges {
		h.denied[p] = true
	}
}

// Allow gives all of them back.
func (h *Host) Allow() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.denied = make(map[string]bool)
}

func (h *Host) deniedAny(privileges ...string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range privileges {
		if h.denied[p] {
			return true
		}
	}
	return false
}

// missing is the fault of a call whose privilege was taken away.
func (h *Host) missing(method string, on types.ManagedObjectReference) types.BaseMethodFault {
	p := needs[method]
	if p == "" || !h.deniedAny(p) {
		return nil
	}
	return &types.NoPermission{Object: &on, PrivilegeId: p}
}

// rightsCalls answers for the authorization manager: of vcsim's answers, which grant everything, it takes away what is denied.
type rightsCalls struct{ calls }

func (c *rightsCalls) manager() *simulator.AuthorizationManager {
	return c.h.reg.Get(c.Self).(*simulator.AuthorizationManager)
}

// HasPrivilegeOnEntities asks about the session's own account.
func (c *rightsCalls) HasPrivilegeOnEntities(ctx *simulator.Context, req *types.HasPrivilegeOnEntities) soap.HasFault {
	c.enter(ctx)
	body := c.manager().HasPrivilegeOnEntities(req).(*methods.HasPrivilegeOnEntitiesBody)
	c.h.withhold(body.Res.Returnval)
	return body
}

// HasPrivilegeOnEntity is deprecated, and refused: vcsim cannot encode a false in a list, and answers with fewer elements than
// were asked for.
func (c *rightsCalls) HasPrivilegeOnEntity(ctx *simulator.Context, _ *types.HasPrivilegeOnEntity) soap.HasFault {
	c.enter(ctx)
	return &methods.HasPrivilegeOnEntityBody{Fault_: simulator.Fault("use HasPrivilegeOnEntities", &types.NotSupported{})}
}

// HasUserPrivilegeOnEntities asks about a named account.
func (c *rightsCalls) HasUserPrivilegeOnEntities(ctx *simulator.Context, req *types.HasUserPrivilegeOnEntities) soap.HasFault {
	c.enter(ctx)
	body := c.manager().HasUserPrivilegeOnEntities(req).(*methods.HasUserPrivilegeOnEntitiesBody)
	c.h.withhold(body.Res.Returnval)
	return body
}

// FetchUserPrivilegeOnEntities lists.
func (c *rightsCalls) FetchUserPrivilegeOnEntities(ctx *simulator.Context, req *types.FetchUserPrivilegeOnEntities) soap.HasFault {
	c.enter(ctx)
	body := c.manager().FetchUserPrivilegeOnEntities(req).(*methods.FetchUserPrivilegeOnEntitiesBody)
	for i, e := range body.Res.Returnval {
		body.Res.Returnval[i].Privileges = slices.DeleteFunc(slices.Clone(e.Privileges), func(p string) bool { return c.h.deniedAny(p) })
	}
	return body
}

func (h *Host) withhold(list []types.EntityPrivilege) {
	for _, e := range list {
		for i, a := range e.PrivAvailability {
			e.PrivAvailability[i].IsGranted = a.IsGranted && !h.deniedAny(a.PrivId)
		}
	}
}
