package vsphere

import "vbfs/restore/machine"

// foreseen is what would be made: places are found, and nothing is there yet.
func (n *newMachine) foreseen() *machine.Result {
	r := &machine.Result{Name: n.name, Path: n.path + "/" + n.name, Notes: append(n.notes, n.plan.Notes...), Short: n.short}
	if !n.fresh && n.info.InstanceUuid != "" {
		r.UUID = n.instance
	}
	for _, d := range n.disks {
		r.Disks = append(r.Disks, machine.Restored{
			Name: d.name(), Path: "[" + n.stores[d.name()].Name + "]", Format: n.formats[d.name()], Size: d.Record.Size, Data: d.Amount.Data, How: machine.Made,
		})
	}
	return r
}

// foreseen is what would become of a machine that is there.
func (old *oldMachine) foreseen(jobs []*job) *machine.Result {
	r := &machine.Result{Name: old.now.Name, UUID: old.now.UUID, Notes: old.notes}
	for _, j := range jobs {
		how := machine.Replaced
		if old.library {
			how = old.how(false)
		}
		r.Disks = append(r.Disks, restored(j.disk, j.to, how))
	}
	return r
}
