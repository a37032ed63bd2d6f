package vsim

import (
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
