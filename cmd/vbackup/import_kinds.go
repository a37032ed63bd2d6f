package main

import (
	"context"
	"errors"
	"time"

	"vbfs/index/format"
	"vbfs/ingest"
	"vbfs/ingest/ghettovcb"
	"vbfs/ingest/virtnbd"
)

// A foreign is a backup of another tool, which becomes a point.
type foreign interface {
	ingest.Machine
	Files() []string                                     // that it is in
	Tags() []string                                      // that say where it comes from
	In(points []*format.Manifest) *format.Manifest       // the point that was made of it, or nil
	Still(ctx context.Context, m *format.Manifest) error // nil is: disks that failed in m can be read now
	Look(ctx context.Context) error                      // what is wrong with it, as far as can be told without reading its data
}

// A find is a foreign backup, with what it is to become.
type find struct {
	foreign
	time  time.Time
	level string
}

// A trove is what another tool's directory holds of one machine.
type trove struct {
	dir, machine string
	finds        []find // each after those that it builds on
	notes        []string
	leftOut      []string // backups that are not wanted, and why
	close        func() error
}

// A kind is a tool whose backups can be imported.
type kind struct {
	name  string
	zone  *time.Location // of its clock, unless it is said
	what  string         // is named on the command line
	open  func(path string, i *importing) ([]trove, error)
	none  error  // a path holds none
	where string // what to name in its place
}

var kinds = []kind{
	{"virtnbdbackup", time.Local, "set", openVirtnbd, virtnbd.ErrNoSet, "name the directory itself in which the .data files lie"},
	{"ghettovcb", time.UTC, "folder", openGhetto, ghettovcb.ErrNoBackup, "name the directory that VM_BACKUP_VOLUME is, or one below it"},
}

func openVirtnbd(path string, i *importing) ([]trove, error) {
	s, err := virtnbd.Open(path, virtnbd.Options{Zone: i.clock})
	if err != nil {
		return nil, err
	}
	t := trove{dir: s.Dir, machine: s.Domain, notes: s.Notes, close: s.Close}
	for _, p := range s.Points {
		t.finds = append(t.finds, find{p, p.Time, p.Level})
	}
	return []trove{t}, nil
}

func openGhetto(path string, i *importing) (all []trove, err error) {
	tree, err := ghettovcb.Open(path, ghettovcb.Options{Zone: i.clock, Incomplete: i.incomplete, Scratch: i.scratch})
	if err != nil {
		return nil, err
	}
	for _, p := range tree.Points {
		if n := len(all); n == 0 || all[n-1].machine != p.Machine {
			all = append(all, trove{dir: tree.Dir, machine: p.Machine})
		}
		last := &all[len(all)-1]
		last.finds = append(last.finds, find{p, p.Time, p.Level()})
	}
	if len(all) == 0 {
		all = []trove{{dir: tree.Dir}}
	}
	all[0].notes, all[0].leftOut, all[0].close = tree.Notes, tree.LeftOut, tree.Close
	return all, nil
}

// mends say what to do about errors of what is imported. Such an error leaves the repository as good as it was.
var mends = []remedy{
	{ghettovcb.ErrIncomplete, "--include-incomplete takes what is there"},
	{ghettovcb.ErrSpace, "name another directory with --scratch"},
	{ghettovcb.ErrKind, "such a disk is not in the backup: back the machine up anew"},
	{ghettovcb.ErrRefused, "look at the file: ghettoVCB does not write such; what is trusted can be taken with: vbackup backup DISK=FILE"},
	{virtnbd.ErrUnsure, unsure},
	{virtnbd.ErrTooLarge, unsure},
	{virtnbd.ErrDamaged, anew},
	{virtnbd.ErrMissing, anew},
	{ghettovcb.ErrDamaged, anew},
	{ghettovcb.ErrMissing, anew},
}

const (
	unsure = "restore it with virtnbdrestore, and take what comes out with: vbackup backup DISK=FILE"
	anew   = "put another copy of the file in its place, and import again: what is there is left out"
)

// mend says what to do about an error of what is imported.
func mend(err error) error {
	err, _ = remedied(err, mends)
	return err
}

// bad tells errors of what is imported from those of the repository.
func bad(err error) bool {
	for _, m := range mends {
		if errors.Is(err, m.err) {
			return true
		}
	}
	return errors.Is(err, ingest.ErrSource)
}

// An unreadable error is of what is imported, whatever it is.
type unreadable struct{ error }

func (u unreadable) Unwrap() error        { return u.error }
func (u unreadable) Is(target error) bool { return target == ingest.ErrSource }
