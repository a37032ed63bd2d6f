package vsphere

import (
	"context"
	"fmt"
	"slices"

	"vbfs/hyper/vsphere"
	"vbfs/ingest"
)

// A Forecast is what a capture of the machine would do now.
type Forecast struct {
	Path, UUID, Host string  // of the machine: /DC/vm/folder/NAME, its instance UUID, the host's name
	Consistency      string  // of the snapshot: ingest.Application, Filesystem or Crash
	Why              string  // it would be no better; "" when it cannot be
	Tracking         string  // of changes: "on", "off", "would be switched on"
	Hinders          []error // why there would be no point, or none with all disks
	Disks            []ingest.Plan
}

// Rehearse tells what would be read of the machine now, and changes nothing. That the snapshot's change marks will be good is hoped.
func (m *Machine) Rehearse(ctx context.Context, w ingest.Wish) (*Forecast, error) {
	t := &taking{Machine: m, w: w, shot: &ingest.Shot{}, state: &state{}}
	var err error
	if t.m, err = m.conn.Machine(ctx, m.ref); err != nil {
		return nil, err
	}
	f := &Forecast{UUID: t.m.UUID, Host: t.m.HostName, Tracking: t.tracking()}
	place, err := m.conn.Place(ctx, t.m)
	if err != nil {
		return nil, err
	}
	f.Path = place.Path
	if t.transport, err = t.choose(ctx); err != nil {
		return nil, err
	}
	if err := t.hindrances(ctx, f); err != nil {
		return nil, err
	}
	t.m.Snapshots = slices.DeleteFunc(t.m.Snapshots, t.ours)
	t.foreign = len(t.m.Snapshots)
	for _, d := range t.m.Disks {
		p := t.foretell(ctx, d)
		if p.Hinder != "" {
			f.Hinders = append(f.Hinders, fmt.Errorf("disk %s: %w: %s", d.Name, ErrTransport, p.Hinder))
		}
		f.Disks = append(f.Disks, p)
	}
	return f, nil
}

// hindrances finds out all of them at once.
func (t *taking) hindrances(ctx context.Context, f *Forecast) error {
	missing, err := t.missing(ctx)
	if err != nil {
		return err
	}
	for _, p := range missing {
		f.Hinders = append(f.Hinders, fmt.Errorf("%w of %s: %s", vsphere.ErrPrivilege, t.conn.User(), p))
	}
	for _, why := range t.unfit() {
		f.Hinders = append(f.Hinders, fmt.Errorf("%w: %s", ErrUnfit, why))
	}
	q, why, err := t.stillness()
	if err != nil {
		f.Hinders = append(f.Hinders, err)
	}
	if f.Consistency, f.Why = ingest.Crash, why; q != vsphere.Nothing {
		f.Consistency = consistencies[q]
	}
	return nil
}

// tracking tells how changed block tracking would be.
func (t *taking) tracking() string {
	switch {
	case t.m.Tracking:
		return "on"
	case !t.o.EnableCBT:
		return "off"
	case !t.m.Trackable:
		return "off, and cannot be had: " + t.m.Hardware
	case len(t.m.Snapshots) > 0:
		return "off, and not to be switched on with snapshots"
	}
	return "would be switched on"
}

// foretell tells what would be done with a disk.
func (t *taking) foretell(ctx context.Context, d vsphere.Disk) ingest.Plan {
	p := ingest.Plan{Disk: d.Name, Source: d.File, Datastore: d.Datastore, Size: d.Capacity, Skip: t.skip(d)}
	if p.Skip != "" {
		p.Size = 0
		return p
	}
	_, p.Changes, p.Fallback = t.tracked(d)
	if p.Transport = t.first(d, p.Changes); p.Transport == "" && p.Changes {
		p.Changes, p.Fallback = false, "no transport can read changes alone of the disk"
		p.Transport = t.first(d, false)
	}
	if p.Transport == "" {
		p.Hinder = t.unreadable(d)
		return p
	}
	t.amount(ctx, d, &p)
	return p
}

// first is the transport that would read a disk; "" is none.
func (t *taking) first(d vsphere.Disk, changes bool) string {
	for _, by := range t.transports() {
		if t.refuses(by, d) == "" && (by != NFC || !changes) {
			return by
		}
	}
	return ""
}

// amount tells how much would be read, where that can be known: what VDDK or NFC would read of a whole disk depends on what is in use, and
// changes of a machine that runs are told for a snapshot alone.
func (t *taking) amount(ctx context.Context, d vsphere.Disk, p *ingest.Plan) {
	switch {
	case !p.Changes:
		p.Read, p.Known = d.Capacity, p.Transport == HTTPS
	case t.m.Power == "poweredOff":
		areas, err := t.changed(ctx, d)
		if err != nil {
			p.Changes, p.Fallback = false, err.Error()
			p.Read, p.Known = d.Capacity, p.Transport == HTTPS
			return
		}
		for _, a := range areas {
			p.Read += a.Len
		}
		p.Known = true
	}
}
