package ghettovcb

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"vbfs/index/format"
	"vbfs/ingest"
)

var _ ingest.Machine = (*Point)(nil)

// Base gives none: every backup of ghettoVCB is a full one.
func (p *Point) Base([]*format.Manifest, string) *format.Manifest { return nil }

// A disk is one of the machine's, as it is in the folder.
type disk struct {
	name, bus string
	file      string // of its descriptor
	id        string // "" is not known
	skip      string // why it is not there
	err       error  // why it cannot be read
}

// Take gives the point's disks, as they were then. An archive is unpacked until Release.
func (p *Point) Take(ctx context.Context, _ ingest.Wish) (*ingest.Shot, error) {
	f, err := p.files(ctx)
	if err != nil {
		return nil, err
	}
	shot := &ingest.Shot{
		Time: p.Time, Consistency: ingest.Crash, Warnings: slices.Clone(p.warnings),
		Release: func(context.Context) error { return f.close() },
	}
	if err := p.take(shot, f); err != nil {
		f.close() // what was only read
		return nil, fmt.Errorf("%s: %w", p.rel, err)
	}
	return shot, nil
}

func (p *Point) take(shot *ingest.Shot, f *folder) error {
	if s := f.status(); p.archive != nil && (s.word == "warn" || s.word == "error") {
		if !p.tree.o.Incomplete {
			return fmt.Errorf("%w: %s", ErrIncomplete, s.why)
		}
		shot.Warnings = append(shot.Warnings, "incomplete: "+s.why)
	}
	v, err := f.config()
	if err != nil {
		return err
	}
	shot.Hypervisor = v.facts()
	disks := p.disks(f, v)
	for _, d := range disks {
		shot.Disks = append(shot.Disks, p.disk(f, d))
		if d.skip != "" {
			shot.Warnings = append(shot.Warnings, fmt.Sprintf("disk %s (%s) is left out: %s", d.name, d.file, d.skip))
		}
	}
	var unkept []string
	shot.Configs, unkept = f.configs(v, disks)
	shot.Warnings = append(append(shot.Warnings, unkept...), f.strays(disks)...)
	return nil
}

// disk says what a disk is captured from.
func (p *Point) disk(f *folder, d disk) ingest.Disk {
	var open source
	return ingest.Disk{
		Name: d.name, ID: d.id, Bus: d.bus, Format: "vmdk", Logical: sector, Physical: sector, Skip: d.skip, Origin: p.tree.path(p.rel) + "/" + d.file,
		Open: func(ctx context.Context, _ bool) (ingest.Source, error) {
			err := d.err
			if err == nil {
				open, err = f.openDisk(ctx, d.file)
			}
			if err != nil {
				return nil, err
			}
			return open, nil
		},
		After: func() string { return open.changed() },
	}
}

// disks gives the machine's disks. Two of one UUID, of machines that were copied by hand, go by their names.
func (p *Point) disks(f *folder, v *config) (out []disk) {
	count := map[string]int{}
	for _, of := range v.disks {
		d := disk{name: of.name, bus: of.bus, file: of.file}
		if of.file == "" {
			d.err = fmt.Errorf("%w: the configuration names %q, which is not in the folder", ErrRefused, of.says)
		} else if _, ok := f.entries[of.file]; !ok {
			d.skip, d.err = p.absent(f, of)
		} else {
			d.id = f.uuid(of.file)
		}
		count[d.id]++
		out = append(out, d)
	}
	for i := range out {
		if count[out[i].id] > 1 {
			out[i].id = ""
		}
	}
	return out
}

// absent says why a disk is not in the folder: it was left out on purpose, or it is an error.
func (p *Point) absent(f *folder, d vmxDisk) (string, error) {
	for name := range f.entries {
		if rest, ok := strings.CutPrefix(name, d.file[:len(d.file)-len(".vmdk")]); ok && isExtent(rest) {
			return "", fmt.Errorf("%s: %w, although %s is there", d.file, ErrMissing, name)
		}
	}
	switch {
	case d.independent:
		return "it is independent of snapshots, and ghettoVCB does not back such disks up", nil
	case p.status.word == "ok" || p.tree.o.Incomplete:
		return "ghettoVCB was told to leave it out (VMDK_FILES_TO_BACKUP), or could not back it up", nil
	}
	return "", fmt.Errorf("%s: %w, and nothing tells that it was left out on purpose", d.file, ErrMissing)
}

// uuid reads what a disk calls itself, "" when that cannot be told: what is wrong with it is told when it is opened.
func (f *folder) uuid(name string) string {
	d, err := f.describe(name)
	if err != nil {
		return ""
	}
	return d.uuid()
}
