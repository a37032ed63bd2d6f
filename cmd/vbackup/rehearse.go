package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
)

// A plannedMachine is what a dry run tells of one of VMware's machines.
type plannedMachine struct {
	Type        string   `json:"type"`
	Machine     string   `json:"machine"`
	Path        string   `json:"path"`
	UUID        string   `json:"instance_uuid"`
	Host        string   `json:"host"`
	Consistency string   `json:"consistency"`                  // of the snapshot that would be made
	Why         string   `json:"consistency_reason,omitempty"` // it would be no better
	Tracking    string   `json:"changed_block_tracking"`       // on, off, …
	Hinders     []string `json:"hindrances"`                   // why there would be no point
}

// A plannedDisk is what a dry run tells of a disk.
type plannedDisk struct {
	Type      string `json:"type"`
	Machine   string `json:"machine"`
	Disk      string `json:"disk"`
	Source    string `json:"source"`
	Datastore string `json:"datastore,omitempty"`
	Transport string `json:"transport,omitempty"`
	Size      int64  `json:"size_bytes"`
	Read      *int64 `json:"read_bytes,omitempty"` // what would be read, where that is known
	Parent    string `json:"parent,omitempty"`     // name of the point
	Skipped   string `json:"skipped,omitempty"`    // why it would be left out
	Changes   bool   `json:"changes_only"`         // all else is unchanged since the parent
	Why       string `json:"fallback,omitempty"`   // why all would be read, though changes were asked for
	Hinder    string `json:"hindrance,omitempty"`  // why it cannot be read
}

// rehearse opens every source and stores nothing. A machine that fails does not keep it from the others.
func (b *backup) rehearse(ctx context.Context, repo *index.Repository, all []machine) error {
	points, err := repo.Points(ctx)
	if err != nil {
		return err
	}
	var codes []int
	for _, m := range all {
		err := b.rehearseMachine(ctx, repo, points, &m)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			codes = append(codes, b.app.Tell(ctx, wayIn(fmt.Errorf("%s: %w", m, err))))
		}
	}
	if err := b.summary(nil, 0); err != nil {
		return err
	}
	switch {
	case codes == nil:
		return nil
	case len(codes) < len(all):
		return cli.Told(cli.Partly)
	}
	return cli.Told(slices.Max(codes))
}

func (b *backup) rehearseMachine(ctx context.Context, repo *index.Repository, points []*format.Manifest, m *machine) error {
	if m.whole != nil {
		return b.rehearseWhole(ctx, repo, m)
	}
	parent, err := index.Selector{Machine: m.name}.Find(points)
	if err != nil && !errors.Is(err, index.ErrNoPoint) {
		return err
	}
	for i, d := range b.captured(*m) {
		if d.Skip != "" {
			if err := b.tellPlan(plannedDisk{Type: "plan", Machine: m.name, Disk: d.Name, Source: m.disks[i].String(), Skipped: d.Skip}); err != nil {
				return err
			}
			continue
		}
		src, err := d.Open(ctx, false)
		if err != nil {
			return fmt.Errorf("disk %s: %w", d.Name, err)
		}
		p := plannedDisk{Type: "plan", Machine: m.name, Disk: d.Name, Source: m.disks[i].String(), Size: src.Size()}
		if parent != nil {
			p.Parent = parent.Name
		}
		if err := errors.Join(src.Close(), b.tellPlan(p)); err != nil {
			return err
		}
	}
	return nil
}

func (b *backup) tellPlan(p plannedDisk) error {
	if b.app.Flags.JSON {
		return b.app.Line(p)
	}
	switch {
	case p.Skipped != "":
		return b.app.Result("%s: would leave %s out: %s", p.Machine, p.Disk, p.Skipped)
	case p.Hinder != "":
		return b.app.Result("%s: cannot read %s, %s from %s: %s", p.Machine, p.Disk, cli.Size(p.Size), p.Source, p.Hinder)
	}
	from := p.Source
	if p.Transport != "" {
		from += " by " + p.Transport
	}
	return b.app.Result("%s: would capture %s, %s from %s, %s", p.Machine, p.Disk, cli.Size(p.Size), from, p.amount())
}

// amount says what would be read of a disk.
func (p *plannedDisk) amount() string {
	what := "its first point"
	switch {
	case p.Changes:
		what = "what changed since " + p.Parent
	case p.Why != "":
		what = "in full: " + p.Why
	case p.Parent != "":
		what = "after " + p.Parent
	}
	if p.Changes && p.Read != nil {
		what += ": " + cli.Size(*p.Read)
	}
	return what
}

// tellMachine tells how a machine of VMware's would be held.
func (b *backup) tellMachine(p plannedMachine) error {
	if b.app.Flags.JSON {
		return b.app.Line(p)
	}
	why := ""
	if p.Why != "" {
		why = " (" + p.Why + ")"
	}
	return b.app.Result("%s: would make a snapshot of %s on %s, consistency %s%s; changed block tracking: %s", p.Machine, p.Path, p.Host, p.Consistency, why, p.Tracking)
}
