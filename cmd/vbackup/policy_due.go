package main

import (
	"context"
	"time"

	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/retention"
)

// waiting tells for which machines no backup is due, and leaves the others.
func (b *backup) waiting(ctx context.Context, repo *index.Repository, all []machine) (left []machine, skipped []outcome, err error) {
	v := &b.whole.inventory
	if !v.due {
		return all, nil, nil
	}
	points, err := repo.Points(ctx)
	if err != nil {
		return nil, nil, err
	}
	facts, err := repo.Notes(ctx)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now().In(v.clock)
	for _, m := range all {
		if m.whole.asks == nil { // it is lost
			left = append(left, m)
			continue
		}
		due, has := m.whole.asks.policy.Due(m.history(points, facts), now)
		if due {
			left = append(left, m)
			continue
		}
		b.app.Say("%s: not due: it has a point of %s", m, has)
		skipped = append(skipped, outcome{machine: m, skipped: "not due: it has a point of " + has})
	}
	return left, skipped, nil
}

// history is the machine's points, but for those of another machine of its name.
func (m machine) history(points []*format.Manifest, facts map[format.UUID]format.Facts) (out []retention.Point) {
	name := m.name
	if name == "" {
		name = m.inventoryName()
	}
	for _, p := range points {
		if p.MachineName == name && m.mayBe(p) {
			out = append(out, looked(p, facts[p.Point], false))
		}
	}
	return out
}

// inventoryName is what the machine will be called.
func (m machine) inventoryName() string {
	if m.whole.vm != nil {
		return m.whole.vm.Name
	}
	return m.whole.name
}

// mayBe tells whether a point can be the machine's, by what the hypervisor said of it then.
func (m machine) mayBe(p *format.Manifest) bool {
	was, is := p.Fact("libvirt-domain"), m.whole.uuid
	if m.whole.vm != nil {
		was, is = p.Fact("vsphere-instance"), m.whole.vm.UUID
	}
	return was == "" || was == is
}
