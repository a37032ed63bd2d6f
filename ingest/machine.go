package ingest

import (
	"context"
	"errors"
	"time"

	"vbfs/index"
	"vbfs/index/format"
)

// A Machine is captured whole, at one instant, by what has control of it: a hypervisor.
type Machine interface {
	// Base chooses what change tracking counts from, for a level of Inc or Diff: one of points, the machine's complete ones
	// from old to new, or nil when none is fit for it. It asks nobody.
	Base(points []*format.Manifest, level string) *format.Manifest

	// Take holds the machine still, and gives its disks as they are then. What fails on the way it undoes.
	Take(ctx context.Context, w Wish) (*Shot, error)
}

// A Wish says what a Shot is wanted for.
type Wish struct {
	Repository format.UUID
	Point      format.UUID        // the one to come, whose marks the hypervisor keeps
	Level      string             // Full, Inc, Diff or Copy
	Base       *format.Manifest   // what changes are counted from; nil is nothing: all is read
	Points     []*format.Manifest // the machine's complete ones, from old to new: whose marks are still worth something
}

// A Plan is what a Machine would do with a disk, if it can tell beforehand.
type Plan struct {
	Disk     string // vda
	Source   string // where it lies
	Size     int64  // bytes; 0 when it is left out
	Skip     string // why it would be left out
	Changes  bool   // its changes alone would be read
	Fallback string // why not, though they were asked for

	Datastore string // that it lies on, where there are such
	Transport string // by which it would be read, where there are several
	Read      int64  // bytes that would be read, if Known
	Known     bool
	Hinder    string // why it cannot be read
}

// A Shot is a machine at one instant: it stays as it was then until Release.
type Shot struct {
	Time        time.Time // the instant; zero is that at which the run began
	Consistency string    // reached; "" is Crash
	Hypervisor  []string  // KIND=ID and versions
	Configs     []format.ConfigFile
	Warnings    []string
	Disks       []Disk

	// Check is asked when all is read, before Release: an error says that the machine may not have been held all the time, so
	// that what was read may be of no one instant, and there is no point. nil is: what was not held cannot be read.
	Check func(ctx context.Context) error

	// Release undoes what holds the machine still: snapshot, job, files. It is called once, whatever has happened, when all
	// that Open gave is closed, with a context that is not cancelled and has a deadline. An error names what is left
	// behind, which the next Take of the machine finds.
	Release func(ctx context.Context) error

	// Settle is called last, with the point that came of it, or nil: change marks that no point needs go. nil is nothing to do.
	Settle func(ctx context.Context, made *format.Manifest) error
}

// undoTime bounds how long Release and Settle may take each: a hypervisor that merges bitmaps or snapshots is slow.
const undoTime = 10 * time.Minute

func (r *run) wish(point format.UUID) Wish {
	w := Wish{Repository: r.repo.ID(), Point: point, Level: r.level(), Points: complete(r.points, r.o.Machine)}
	if !r.unfit && (w.Level == Inc || w.Level == Diff) {
		w.Base = r.parent
	}
	return w
}

// Foresee gives the Wish that Run would have now, for a Source that tells what it would do. There is no point to come.
func Foresee(ctx context.Context, repo *index.Repository, o Options) (Wish, error) {
	r := &run{o: o, repo: repo}
	if r.o.Level == "" {
		r.o.Level = Auto
	}
	chosen, err := r.choose(ctx)
	if err != nil {
		return Wish{}, err
	}
	if r.parent, err = r.whole(ctx, chosen); err != nil {
		return Wish{}, err
	}
	return r.wish(format.UUID{}), nil
}

// take holds the machine still, if it is one that can be, and takes over what is told of it.
func (r *run) take(ctx context.Context) error {
	m := &r.w.Manifest
	if r.o.Source == nil {
		return nil
	}
	shot, err := r.o.Source.Take(ctx, r.wish(m.Point))
	if err != nil {
		return sourceError(err, "take %s", r.o.Machine)
	}
	r.shot = shot
	r.o.Disks, m.Configs, m.Hypervisor = shot.Disks, shot.Configs, shot.Hypervisor
	m.Warnings = append(m.Warnings, shot.Warnings...)
	if shot.Consistency != "" {
		m.Consistency = shot.Consistency
	}
	if !shot.Time.IsZero() {
		r.w.At(shot.Time)
	}
	return nil
}

// check asks whether the machine was held to the end.
func (r *run) check(ctx context.Context) error {
	if r.shot == nil || r.shot.Check == nil {
		return nil
	}
	if err := r.shot.Check(ctx); err != nil {
		return sourceError(err, "hold %s", r.o.Machine)
	}
	return nil
}

// release lets the machine go. What could not be undone is told, and stands on the point.
func (r *run) release(ctx context.Context) {
	if r.shot == nil {
		return
	}
	if err := undo(ctx, r.shot.Release); err != nil {
		r.left = &LeftError{err}
		r.w.Manifest.Warnings = append(r.w.Manifest.Warnings, r.left.Error())
	}
}

// settle ends the shot, with the point that came of it or nil, and tells what is left behind.
func (r *run) settle(ctx context.Context, made *format.Manifest) error {
	if r.shot == nil || r.shot.Settle == nil {
		return r.left
	}
	err := undo(ctx, func(ctx context.Context) error { return r.shot.Settle(ctx, made) })
	if err != nil {
		err = &LeftError{err}
	}
	return errors.Join(r.left, err)
}

func undo(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	return f(ctx)
}

// complete gives the machine's complete points, in the order of points: from old to new.
func complete(points []*format.Manifest, machine string) (out []*format.Manifest) {
	for _, p := range points {
		if p.MachineName == machine && p.Complete() {
			out = append(out, p)
		}
	}
	return out
}
