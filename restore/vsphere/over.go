package vsphere

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	hyper "vbfs/hyper/vsphere"
	"vbfs/restore/machine"
)

// An oldMachine is one that is there, and is to be what it was at the point.
type oldMachine struct {
	*carrier
	run   *Run
	m     machine.Machine
	now   *hyper.Machine
	notes []string
	undo  machine.Undo
}

// A job is a disk on its way to one that is there.
type job struct {
	disk machine.Disk
	to   *hyper.Disk
	file string // that takes its place, if it is exchanged
	done machine.Restored
}

// Over restores disks of a point, and with all of them the machine's NVRAM, to a machine that is off and has no snapshots. Its
// configuration stays. When it fails, the machine is as it was before, but for disks that were written in place: machine.ErrHalf.
func (r *Run) Over(ctx context.Context, m machine.Machine, o Options) (*machine.Result, error) {
	old := &oldMachine{run: r, m: m}
	jobs, err := old.begin(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.Foresee {
		return old.foreseen(jobs), nil
	}
	r.site.forget() // there is less room
	if err := old.put(ctx, jobs); err != nil {
		r.forget()
		return nil, fmt.Errorf("%s: %w", old.now.Name, err)
	}
	done := &machine.Result{Name: old.now.Name, UUID: old.now.UUID, Notes: old.notes}
	for _, j := range jobs {
		done.Disks = append(done.Disks, j.done)
	}
	return done, nil
}

func (old *oldMachine) note(format string, args ...any) {
	old.notes = append(old.notes, fmt.Sprintf(format, args...))
}

// begin finds the machine and its disks, and refuses what may not change.
func (old *oldMachine) begin(ctx context.Context, o Options) (jobs []*job, err error) {
	if len(old.m.Disks) == 0 {
		return nil, fmt.Errorf("%s: %w", old.m.Point.Name, machine.ErrNoDisk)
	}
	if old.now, err = old.run.find(ctx, old.m, o.Path); err != nil {
		return nil, err
	}
	if old.now.Template {
		return nil, fmt.Errorf("%s: %w: it is a template", old.now.Name, ErrRefused)
	}
	if err := idle(old.now); err != nil {
		return nil, err
	}
	if u := unfinishedOf(old.now); u != nil {
		return nil, fmt.Errorf("%s: %w: made %v", old.now.Name, ErrUnfinished, u)
	}
	if jobs, err = old.match(); err != nil {
		return nil, err
	}
	note := ""
	if old.carrier, note, err = old.run.carrier(ctx, o); err != nil {
		return nil, err
	}
	if note != "" {
		old.note("%s", note)
	}
	return jobs, old.fit(jobs)
}

// find looks for the machine that a pattern names.
func (r *Run) find(ctx context.Context, m machine.Machine, pattern string) (*hyper.Machine, error) {
	if pattern == "" {
		pattern = m.Point.Fact("vsphere-instance")
	}
	if pattern == "" {
		return nil, fmt.Errorf("%s: %w: nor is it said which machine to restore over", m.Point.Name, machine.ErrNoDefinition)
	}
	all, err := r.machines.get(ctx, r.conn.Machines)
	if err != nil {
		return nil, err
	}
	e, err := hyper.FindOne(all, pattern)
	if err != nil {
		return nil, err
	}
	return r.conn.Machine(ctx, e.Ref)
}

// put writes all disks, with change tracking off, and the machine marked meanwhile.
func (old *oldMachine) put(ctx context.Context, jobs []*job) (err error) {
	left, err := old.recover(ctx)
	if err != nil {
		return err
	}
	on, err := old.untrack(ctx, jobs, left)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, on(err)) }()
	defer func() {
		if err == nil {
			old.settle(ctx, jobs)
		}
	}()
	defer func() { err = old.undo.Unless(ctx, err) }()
	if old.library {
		if err := old.nvram(ctx); err != nil {
			return err
		}
		return old.each(ctx, jobs, old.overwrite)
	}
	return old.exchange(ctx, jobs)
}

func (old *oldMachine) overwrite(ctx context.Context, j *job) (err error) {
	j.done, err = old.fill(ctx, old.now.Ref, j.to.Key, j.disk, false)
	return err
}

// disksAtOnce bounds how many disks are written at once: enough to hide what one waits for.
const disksAtOnce = 2

// each does something with all disks. The first that fails ends the others, and each says what it is by then.
func (old *oldMachine) each(ctx context.Context, jobs []*job, do func(context.Context, *job) error) error {
	var (
		mu   sync.Mutex // of errs
		errs []error
	)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(disksAtOnce)
	for _, j := range jobs {
		g.Go(func() (err error) {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err = do(ctx, j); err != nil {
				err = fmt.Errorf("disk %s: %w", j.disk.Record.Name, err)
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil && errs == nil {
		return err
	}
	return errors.Join(errs...)
}
