package vsim

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// tree is a list of snapshots with their children.
type tree []types.VirtualMachineSnapshotTree

// without is a copy in which the children of what is removed have moved up.
func (t tree) without(gone []types.ManagedObjectReference) tree {
	var left tree
	for _, s := range t {
		below := tree(s.ChildSnapshotList).without(gone)
		if slices.Contains(gone, s.Snapshot) {
			left = append(left, below...)
			continue
		}
		s.ChildSnapshotList = below
		left = append(left, s)
	}
	return left
}

// all are the snapshots at and below.
func (t tree) all() []types.ManagedObjectReference {
	var refs []types.ManagedObjectReference
	for _, s := range t {
		refs = append(append(refs, s.Snapshot), tree(s.ChildSnapshotList).all()...)
	}
	return refs
}

// path leads from a root to a snapshot, nil if it is not there.
func (t tree) path(to types.ManagedObjectReference) tree {
	for _, s := range t {
		if s.Snapshot == to {
			return tree{s}
		}
		if below := tree(s.ChildSnapshotList).path(to); below != nil {
			return append(tree{s}, below...)
		}
	}
	return nil
}

// dropSnapshots takes snapshots out of the machine. vcsim's own way panics when the current one is a root beside others. The
// current one becomes the nearest above that is left, if there is any.
func (h *Host) dropSnapshots(ctx *simulator.Context, vm *simulator.VirtualMachine, gone []types.ManagedObjectReference) {
	if vm.Snapshot == nil {
		return
	}
	roots := tree(vm.Snapshot.RootSnapshotList)
	info := &types.VirtualMachineSnapshotInfo{RootSnapshotList: roots.without(gone)}
	if current := vm.Snapshot.CurrentSnapshot; current != nil {
		for _, s := range roots.path(*current) {
			if !slices.Contains(gone, s.Snapshot) {
				info.CurrentSnapshot = &s.Snapshot
			}
		}
	}
	change := []types.PropertyChange{{Name: "snapshot"}, {Name: "rootSnapshot"}}
	if len(info.RootSnapshotList) > 0 {
		var refs []types.ManagedObjectReference
		for _, s := range info.RootSnapshotList {
			refs = append(refs, s.Snapshot)
		}
		change[0].Val, change[1].Val = info, refs
	}
	h.reg.Update(ctx, vm, change)
	for _, ref := range gone {
		h.reg.Remove(ctx, ref)
	}
}
