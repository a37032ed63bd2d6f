package vsphere

import (
	"context"
	"slices"

	"vbfs/ingest"
)

// Rehearse tells what would be read of the machine now, and changes nothing. That the snapshot's change marks will be good is hoped.
func (m *Machine) Rehearse(ctx context.Context, w ingest.Wish) (plan []ingest.Plan, err error) {
	t := &taking{Machine: m, w: w, shot: &ingest.Shot{}, state: &state{}}
	if t.m, err = m.conn.Machine(ctx, m.ref); err != nil {
		return nil, err
	}
	t.m.Snapshots = slices.DeleteFunc(t.m.Snapshots, t.ours)
	t.foreign = len(t.m.Snapshots)
	if t.transport, err = t.choose(ctx); err != nil {
		return nil, err
	}
	if err := t.preflight(ctx); err != nil {
		return nil, err
	}
	for _, d := range t.m.Disks {
		p := ingest.Plan{Disk: d.Name, Source: d.File + " by " + t.transport, Size: d.Capacity, Skip: t.skip(d)}
		if p.Skip != "" {
			p.Size = 0
		} else {
			_, p.Changes, p.Fallback = t.tracked(d)
		}
		plan = append(plan, p)
	}
	return plan, nil
}
