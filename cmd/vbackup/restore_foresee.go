package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/restore"
	vm "vbfs/restore/machine"
)

// A plannedRestore is what a dry run tells of a restore.
type plannedRestore struct {
	Type     string          `json:"type"`
	List     string          `json:"list,omitempty"` // FILE:LINE
	Point    string          `json:"point"`
	Domain   string          `json:"domain,omitempty"`
	Machine  string          `json:"machine,omitempty"`
	Folder   string          `json:"folder,omitempty"`
	Path     string          `json:"path,omitempty"`
	UUID     string          `json:"uuid,omitempty"` // that is known already
	Target   string          `json:"target,omitempty"`
	Disks    []plannedTarget `json:"disks"`
	Data     int64           `json:"data_bytes"` // of all disks
	Warnings []string        `json:"warnings,omitempty"`
	Short    []string        `json:"not_done,omitempty"`
}

type plannedTarget struct {
	Name   string `json:"name"`
	Path   string `json:"path"`
	Format string `json:"format,omitempty"`
	How    string `json:"how"`
	Size   int64  `json:"size_bytes"`
	Data   int64  `json:"data_bytes"`
}

// foretell tells what a machine would become.
func (r *restoring) foretell(p *format.Manifest, made *vm.Result, said string, line restoredLine) error {
	plan := plannedRestore{
		Type: "plan", List: r.where, Point: p.Point.String(), Domain: line.Domain, Machine: line.Machine, Folder: line.Folder, Path: line.Path,
		UUID: made.UUID, Warnings: made.Notes, Short: made.Short,
	}
	for _, d := range made.Disks {
		plan.Disks = append(plan.Disks, plannedTarget{d.Name, d.Path, d.Format, d.How, d.Size, d.Data})
		plan.Data += d.Data
	}
	if line.Path != "" {
		said += ", " + line.Path
	}
	return r.tellPlan(p, said, plan)
}

func (r *restoring) tellPlan(p *format.Manifest, said string, plan plannedRestore) error {
	if r.app.Flags.JSON {
		return errors.Join(r.app.Line(plan), r.sum(tally{planned: 1, start: time.Now()}))
	}
	name := p.MachineName + "@" + p.Name
	if r.where != "" {
		name = r.where + ": " + name
	}
	err := r.app.Result("%s: would be restored to %s: %s of data", name, said, cli.Size(plan.Data))
	for _, d := range plan.Disks {
		as := ""
		if d.Format != "" {
			as = ", " + d.Format
		}
		err = errors.Join(err, r.app.Result("%s: %s, %s, of which %s data, would be %s: %s%s", name, d.Name, cli.Size(d.Size), cli.Size(d.Data), d.How, d.Path, as))
	}
	for _, n := range plan.Warnings {
		err = errors.Join(err, r.app.Result("%s: %s", name, n))
	}
	return err
}

// foretellFile tells what would become of a file, and looks whether it may.
func (r *restoring) foretellFile(p *format.Manifest, img *index.Image, to string, a restore.Amount) error {
	how := vm.Made
	switch _, err := os.Lstat(strings.TrimPrefix(to, "file:")); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !r.overwrite:
		return wayOut(fmt.Errorf("restore to %s: %w", to, fmt.Errorf("%s %w", to, restore.ErrExists)))
	default:
		how = vm.Replaced
	}
	return r.tellPlan(p, to, plannedRestore{
		Type: "plan", Point: p.Point.String(), Target: to, Data: a.Data,
		Disks: []plannedTarget{{img.Disk().Name, to, r.format, how, img.Size(), a.Data}},
	})
}

// named is a machine's name and UUID, as far as that is known.
func named(made *vm.Result) string {
	if made.UUID == "" {
		return made.Name + " (with new IDs)"
	}
	return fmt.Sprintf("%s (%s)", made.Name, made.UUID)
}
