package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/ingest"
	"vbfs/ingest/vsphere"
)

// A rehearser is a machine that tells what would be done with it.
type rehearser interface {
	Rehearse(ctx context.Context, w ingest.Wish) ([]ingest.Plan, error)
}

// rehearseWhole tells what would be read of a machine that is captured whole.
func (b *backup) rehearseWhole(ctx context.Context, repo *index.Repository, m *machine) error {
	if err := b.meet(ctx, m); err != nil {
		return err
	}
	w, err := ingest.Foresee(ctx, repo, ingest.Options{Machine: m.name, Level: b.level, Source: m.source})
	if err != nil {
		return err
	}
	switch r := m.source.(type) {
	case *vsphere.Machine:
		return b.rehearseVMware(ctx, r, w, m.name)
	case rehearser:
		plan, err := r.Rehearse(ctx, w)
		if err != nil {
			return err
		}
		return b.tellDisks(m.name, plan, w)
	}
	return cli.Later("--dry-run of %s:", m.whole.host)
}

// rehearseVMware tells of a machine of VMware's. What hinders is told with it, and is the error.
func (b *backup) rehearseVMware(ctx context.Context, m *vsphere.Machine, w ingest.Wish, name string) error {
	f, err := m.Rehearse(ctx, w)
	if err != nil {
		return err
	}
	p := plannedMachine{
		Type: "machine", Machine: name, Path: f.Path, UUID: f.UUID, Host: f.Host, Consistency: f.Consistency, Why: f.Why, Tracking: f.Tracking,
		Hinders: []string{},
	}
	for _, h := range f.Hinders {
		p.Hinders = append(p.Hinders, h.Error())
	}
	return errors.Join(b.tellMachine(p), b.tellDisks(name, f.Disks, w), errors.Join(f.Hinders...))
}

func (b *backup) tellDisks(name string, plan []ingest.Plan, w ingest.Wish) error {
	for _, d := range plan {
		p := plannedDisk{
			Type: "plan", Machine: name, Disk: d.Disk, Source: d.Source, Datastore: d.Datastore, Transport: d.Transport, Size: d.Size,
			Skipped: d.Skip, Changes: d.Changes, Why: d.Fallback, Hinder: d.Hinder,
		}
		if d.Known {
			p.Read = &d.Read
		}
		if w.Base != nil {
			p.Parent = w.Base.Name
		}
		if err := b.tellPlan(p); err != nil {
			return err
		}
	}
	return nil
}

// skip says why a disk of that name is left out, or "".
func (b *backup) skip(disk string) string {
	switch {
	case slices.Contains(b.exclude, disk):
		return "excluded by --exclude " + disk
	case len(b.include) > 0 && !slices.Contains(b.include, disk):
		return "not among --include " + strings.Join(b.include, ",")
	}
	return ""
}
