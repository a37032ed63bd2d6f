package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vbfs/cmd/internal/cli"
	"vbfs/hyper/vsphere/spec"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/ingest/ghettovcb"
	"vbfs/restore/vmware"
)

// A restoreLine is a machine of a list: POINT;STORAGE;FORMAT;NAME. What is empty is as flags say.
type restoreLine struct {
	point, storage, format, name string
	where                        string // FILE:LINE
	bad                          error  // it is no such line
}

// readRestores reads a list, as ghettoVCB-restore.sh does: quotes count for nothing wherever they stand, nor do blanks around a field.
func (r *restoring) readRestores(to string) (lines []restoreLine, err error) {
	switch {
	case !forMachines(to):
		return nil, cli.Usage("--list is for the targets libvirt:, vsphere: and vmware:")
	case r.machine.name != "":
		return nil, cli.Usage("--list names each machine by itself, in its line's fourth field: leave --name out")
	case r.overwrite && strings.TrimPrefix(to, toVSphere) != "" && strings.HasPrefix(to, toVSphere):
		return nil, cli.Usage("with --list and --overwrite the target is vsphere: alone: a line's fourth field names the machine, if it is not the recorded one")
	}
	if strings.HasPrefix(to, toVSphere) {
		if err := r.checkVSphere(); err != nil {
			return nil, err
		}
	}
	all, err := readList(r.list)
	if err != nil {
		return nil, err
	}
	for _, w := range all {
		lines = append(lines, parseRestore(w))
	}
	return lines, nil
}

func parseRestore(w wanted) restoreLine {
	fields := strings.Split(strings.ReplaceAll(w.pattern, `"`, ""), ";")
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	l := restoreLine{where: w.where}
	for i, field := range []*string{&l.point, &l.storage, &l.format, &l.name} {
		if i < len(fields) {
			*field = fields[i]
		}
	}
	if l.point == "" || len(fields) > 4 && strings.Join(fields[4:], "") != "" {
		l.bad = cli.Usage("a line is POINT;STORAGE;FORMAT;NAME, not %s", w.pattern)
	}
	return l
}

// Disk formats by ghettoVCB's numbers, and what they are called where a folder of files is made.
var (
	formatNumbers = map[string]string{"1": spec.ZeroedThick, "2": vmware.TwoGBSparse, "3": spec.Thin, "4": spec.EagerThick}
	fileFormats   = map[string]string{spec.ZeroedThick: vmware.Flat, spec.EagerThick: vmware.Flat}
)

// take has the line's fields in the place of flags, and gives the target of it alone.
func (r *restoring) take(l restoreLine, to string) (string, error) {
	if l.bad != nil {
		return "", l.bad
	}
	r.format, r.machine.name = cmp.Or(formatNumbers[l.format], l.format, r.format), l.name
	switch {
	case to == toLibvirt:
		return to, r.takeLibvirt(l)
	case strings.HasPrefix(to, toFolder):
		r.format = cmp.Or(fileFormats[r.format], r.format)
		return toFolder + cmp.Or(l.storage, strings.TrimPrefix(to, toFolder)), nil
	}
	return r.takeVSphere(l, to)
}

func (r *restoring) takeLibvirt(l restoreLine) error {
	if was := formatNumbers[l.format]; was != "" {
		return cli.Usage("the disk format %s is VMware's %s: disks of libvirt's machines are raw or qcow2", l.format, was)
	}
	if l.storage != "" {
		r.machine.storage = []string{l.storage}
	}
	return nil
}

func (r *restoring) takeVSphere(l restoreLine, to string) (string, error) {
	switch {
	case r.overwrite:
		to, r.machine.name = toVSphere+l.name, ""
	case to != toVSphere:
		to += "/" // it is a folder, also if it is not there yet
	}
	if l.storage == "" {
		return to, nil
	}
	store, err := datastore(l.storage)
	r.machine.storage = []string{store}
	return to, err
}

// volumes is where an ESXi has its datastores.
const volumes = "/vmfs/volumes/"

// datastore is the name of one that is given as ghettoVCB has it.
func datastore(name string) (string, error) {
	rest, ok := strings.CutPrefix(strings.TrimRight(name, "/"), volumes)
	if ok && strings.Contains(rest, "/") {
		return "", cli.Usage("%s is a folder of a datastore: name the datastore alone, for VMware names the machine's folder in it", name)
	}
	return rest, nil
}

// listedPoint finds the point that a line names: by a selector, or by the folder that it was imported from.
func listedPoint(ctx context.Context, repo *index.Repository, what string) (*format.Manifest, error) {
	if strings.Contains(what, "/") { // which machines' names have not
		return folderPoint(ctx, repo, what)
	}
	s := index.ParseSelector(what)
	if s.Disk != "" {
		return nil, cli.Usage("%s is one disk: a list has whole machines", what)
	}
	return cli.Point(ctx, repo, s)
}

func folderPoint(ctx context.Context, repo *index.Repository, folder string) (*format.Manifest, error) {
	points, err := repo.Points(ctx)
	if err != nil {
		return nil, err
	}
	found, err := ghettovcb.Imported(points, folder)
	switch {
	case errors.Is(err, ghettovcb.ErrNoInstant):
		return nil, cli.Usage("%w: name the point in its place, as MACHINE@2026-11-19", err)
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, cli.Hint(fmt.Errorf("%w was imported from %s", index.ErrNoPoint, folder), "import it, or name a point in its place: vbackup points lists them")
	case len(found) > 1:
		return nil, cli.Usage("%s may be any of %s: name one of them in its place", folder, pointNames(found))
	}
	return repo.Point(ctx, found[0])
}

func pointNames(points []*format.Manifest) string {
	var names []string
	for _, p := range points {
		names = append(names, p.MachineName+"@"+p.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
