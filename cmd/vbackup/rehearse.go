package main

import (
	"context"
	"errors"
	"fmt"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
)

// A plannedDisk is what a dry run tells of a disk.
type plannedDisk struct {
	Type    string `json:"type"`
	Machine string `json:"machine"`
	Disk    string `json:"disk"`
	Source  string `json:"source"`
	Size    int64  `json:"size_bytes"`
	Parent  string `json:"parent,omitempty"`   // name of the point
	Skipped string `json:"skipped,omitempty"`  // why it would be left out
	Changes bool   `json:"changes_only"`       // all else is unchanged since the parent
	Why     string `json:"fallback,omitempty"` // why all would be read, though changes were asked for
}

// rehearse opens every source and stores nothing.
func (b *backup) rehearse(ctx context.Context, repo *index.Repository, all []machine) error {
	points, err := repo.Points(ctx)
	if err != nil {
		return err
	}
	for _, m := range all {
		if err := b.rehearseMachine(ctx, repo, points, m); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return b.summary(nil, 0)
}

func (b *backup) rehearseMachine(ctx context.Context, repo *index.Repository, points []*format.Manifest, m machine) error {
	if m.whole != nil {
		return b.rehearseWhole(ctx, repo, m)
	}
	parent, err := index.Selector{Machine: m.name}.Find(points)
	if err != nil && !errors.Is(err, index.ErrNoPoint) {
		return err
	}
	for i, d := range b.captured(m) {
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
	if p.Skipped != "" {
		return b.app.Result("%s: would leave %s out: %s", p.Machine, p.Disk, p.Skipped)
	}
	after := "its first point"
	switch {
	case p.Changes:
		after = "what changed since " + p.Parent
	case p.Why != "":
		after = "in full: " + p.Why
	case p.Parent != "":
		after = "after " + p.Parent
	}
	return b.app.Result("%s: would capture %s, %s from %s, %s", p.Machine, p.Disk, cli.Size(p.Size), p.Source, after)
}
