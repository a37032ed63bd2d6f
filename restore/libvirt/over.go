package libvirt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"libvirt.org/go/libvirtxml"

	hyper "vbfs/hyper/libvirt"
	"vbfs/restore/machine"
)

// An oldMachine is one that is there, and is to be what it was at the point.
type oldMachine struct {
	conn   *hyper.Conn
	m      machine.Machine
	o      Options
	domain *hyper.Domain
	now    *libvirtxml.Domain
	notes  []string
	undo   machine.Undo
	aside  []string // what was replaced, until all has taken effect
}

// Over restores disks of a point, and with all of them the machine's NVRAM and TPM, to a domain that is shut off. Its
// definition stays. When it fails, the domain is as it was before, but for images that were written in place: machine.ErrHalf.
func Over(ctx context.Context, conn *hyper.Conn, m machine.Machine, o Options) (r *machine.Result, err error) {
	as, err := asNative(ctx, conn, m)
	if err != nil {
		return nil, err
	}
	as.notes = nil // the definition stays what it is
	old := &oldMachine{conn: conn, m: as.Machine, o: o}
	if err := old.begin(ctx); err != nil {
		return nil, err
	}
	jobs, err := old.match(ctx)
	if err == nil && o.Foresee {
		return as.finish(old.foreseen(jobs)), nil
	}
	if err == nil {
		err = old.disks(ctx, jobs)
	}
	if err != nil {
		return nil, err
	}
	old.settle(ctx, jobs)
	r = &machine.Result{Name: old.domain.Name(), UUID: old.domain.UUID(), Notes: old.notes}
	for _, j := range jobs {
		r.Disks = append(r.Disks, j.restored())
	}
	return as.finish(r), nil
}

// begin finds the domain, and refuses one whose disks may not change.
func (old *oldMachine) begin(ctx context.Context) (err error) {
	name := old.o.Name
	if recorded := old.m.Config(kindDomain); name == "" && recorded != nil {
		dom, err := parse(string(recorded))
		if err != nil {
			return err
		}
		name = dom.Name
	}
	switch {
	case name == "":
		return fmt.Errorf("%s: %w", old.m.Point.Name, machine.ErrNoDefinition)
	case old.conn.Remote():
		return fmt.Errorf("images on %s: %w", old.conn.Host(), ErrRemote)
	case len(old.m.Disks) == 0:
		return fmt.Errorf("%s: %w", old.m.Point.Name, machine.ErrNoDisk)
	}
	if old.domain, err = old.conn.Domain(ctx, name); err != nil {
		return err
	}
	if err := old.idle(ctx); err != nil {
		return err
	}
	text, err := old.domain.XML(ctx, true)
	if err != nil {
		return err
	}
	old.now, err = parse(text)
	return err
}

// idle tells whether nothing depends on what the disks hold.
func (old *oldMachine) idle(ctx context.Context) error {
	state, err := old.domain.State(ctx)
	if err != nil {
		return err
	}
	saved, err := old.domain.Saved(ctx)
	if err != nil {
		return err
	}
	snapshots, err := old.domain.Snapshots(ctx)
	if err != nil {
		return err
	}
	switch name := old.domain.Name(); {
	case state != hyper.ShutOff:
		return fmt.Errorf("%w: %s is %s", machine.ErrRuns, name, state)
	case saved:
		return fmt.Errorf("%w: %s would go on from its saved state: `virsh managedsave-remove %s` drops that", machine.ErrSnapshots, name, name)
	case snapshots > 0:
		return fmt.Errorf("%w: %s has %d: `virsh snapshot-delete` removes them", machine.ErrSnapshots, name, snapshots)
	}
	return nil
}

// disks writes all images, and has them take effect together, when the machine is still shut off.
func (old *oldMachine) disks(ctx context.Context, jobs []*job) (err error) {
	locks, err := old.open(ctx, jobs)
	defer func() {
		err = errors.Join(err, closeAll(jobs))
		for _, l := range locks {
			l.Close() // nothing was written by it
		}
		if err != nil {
			err = half(jobs, err)
		}
	}()
	if err != nil {
		return err
	}
	if err := fill(ctx, jobs, old.o); err != nil {
		return err
	}
	if err := old.idle(ctx); err != nil {
		return err
	}
	defer func() { err = old.undo.Unless(ctx, err) }()
	if err := old.files(); err != nil {
		return err
	}
	for _, j := range jobs {
		if err := old.keep(j); err != nil {
			return fmt.Errorf("disk %s: %w", j.disk.Record.Name, err)
		}
	}
	return take(jobs, func(*job) {})
}

// keep links an image to a name beside it, by which it comes back if not all images can be replaced. Where no links can be made
// there is no way back, and it goes on without.
func (old *oldMachine) keep(j *job) error {
	switch j.how {
	case machine.Made:
		old.undo.File(j.to.path)
		return nil
	case machine.Replaced:
	default:
		return nil
	}
	path, err := filepath.EvalSymlinks(j.to.path)
	if err != nil {
		return err
	}
	aside := filepath.Join(filepath.Dir(path), ".replaced-"+filepath.Base(path))
	if err := machine.Remove(aside); err != nil { // of a restore that was killed
		return err
	}
	if os.Link(path, aside) != nil {
		return nil
	}
	old.aside = append(old.aside, aside)
	old.undo.Add(func(context.Context) error { return errors.Join(os.Rename(aside, path), machine.Remove(aside)) }) // rename(2) leaves links of one file alone
	return nil
}

// open opens the targets, and locks images that are to be replaced, so that no machine starts with them meanwhile.
func (old *oldMachine) open(ctx context.Context, jobs []*job) (locks []io.Closer, err error) {
	for _, j := range jobs {
		l, err := old.openJob(ctx, j)
		if err != nil {
			return locks, fmt.Errorf("disk %s: %w", j.disk.Record.Name, err)
		}
		if l != nil {
			locks = append(locks, l)
		}
		j.done = old.o.Progress.Disk()
	}
	return locks, nil
}

// half says of which images nobody knows any more what they hold.
func half(jobs []*job, err error) error {
	for _, j := range jobs {
		_, in := j.target.(*inPlace)
		if in && j.done != nil && j.done.Data.Load()+j.done.Zero.Load() > j.done.Same.Load() {
			err = fmt.Errorf("%w; %s is %w", err, j.to.path, machine.ErrHalf)
		}
	}
	return err
}
