package ingest

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"vbfs/index"
	"vbfs/index/format"
)

// Levels that can be asked for. A point says which was done: full, inc, diff or copy.
const (
	Auto = "auto" // inc when there is a parent, else full
	Full = "full" // read everything, build on nothing
	Inc  = "inc"
	Diff = "diff"
	Copy = "copy"
)

// Consistency that a point reaches.
const (
	Crash = "crash" // as if the power had failed
	None  = "none"  // the source changed while it was read
)

// A Disk says what one disk is captured from.
type Disk struct {
	Name     string // in the point
	ID       string // stable; "" is the name
	Bus      string
	Format   string // of the source, for people
	Logical  int64  // sector sizes, bytes
	Physical int64

	// Open opens the source. With changes it yields only what changed since the machine's newest complete point, which is
	// asked for only when Tracking is set.
	Open func(ctx context.Context, changes bool) (Source, error)
	// Tracking names the change tracking that Open can use: a bitmap. "" is none: everything is read.
	Tracking string
	// After is asked when the disk was read, if it is set: why the source is not as it was at the beginning, or "".
	After func() string
}

// Options says what a run captures. Machine and Disks are needed.
type Options struct {
	Machine  string
	Level    string // "" is Auto
	Tool     string // program and version
	Host     string
	Tags     []string // K=V
	Disks    []Disk
	Workers  int   // 0 is one for each core
	Rate     int64 // bytes a second read from sources at most; 0 is no limit
	Progress *Progress
}

// Run captures one point of a machine. When some disks fail, the point is there, partial, and so is the error; when all
// do, there is no point.
func Run(ctx context.Context, repo *index.Repository, o Options) (*format.Manifest, error) {
	r, err := begin(ctx, repo, o)
	if err != nil {
		return nil, err
	}
	defer r.w.Abort(ctx)
	failed, err := r.disks(ctx)
	if err = errors.Join(err, r.close()); err != nil {
		return nil, err
	}
	if failed != nil && r.good == 0 {
		return nil, failed
	}
	m, err := r.w.Commit(ctx)
	return m, errors.Join(failed, err)
}

// A run is one point on its way.
type run struct {
	o       Options
	repo    *index.Repository
	parent  *format.Manifest // whole; nil for none
	w       *index.Writer
	workers []*index.Worker
	pace    *pacer
	good    int // disks captured
}

func begin(ctx context.Context, repo *index.Repository, o Options) (*run, error) {
	if o.Level == "" {
		o.Level = Auto
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Progress == nil {
		o.Progress = new(Progress)
	}
	r := &run{o: o, repo: repo, pace: newPacer(o.Rate)}
	if err := r.session(ctx); err != nil {
		return nil, err
	}
	m := &r.w.Manifest
	m.Asked, m.Done, m.Tags, m.Consistency = o.Level, r.level(), o.Tags, Crash
	for range o.Workers {
		k, err := r.w.Worker()
		if err != nil {
			return nil, errors.Join(err, r.w.Abort(ctx))
		}
		r.workers = append(r.workers, k)
	}
	return r, nil
}

// session begins the point upon the machine's newest one. Changes are since that one, so it has to be the newest still
// when nobody else can add one.
func (r *run) session(ctx context.Context) (err error) {
	for {
		if r.parent, err = newest(ctx, r.repo, r.o.Machine); err != nil {
			return err
		}
		o := index.BeginOptions{Machine: r.o.Machine, Tool: r.o.Tool, Host: r.o.Host, Base: r.parent}
		if r.w, err = r.repo.Begin(ctx, o); err != nil {
			return err
		}
		now, err := newest(ctx, r.repo, r.o.Machine)
		if err != nil {
			return errors.Join(err, r.w.Abort(ctx))
		}
		if now == nil && r.parent == nil || now != nil && r.parent != nil && now.Point == r.parent.Point {
			return nil
		}
		if err := r.w.Abort(ctx); err != nil {
			return err
		}
	}
}

// newest gives the machine's newest complete point, whole; nil when there is none.
func newest(ctx context.Context, repo *index.Repository, machine string) (*format.Manifest, error) {
	points, err := repo.Points(ctx)
	if err != nil {
		return nil, err
	}
	p, err := index.Selector{Machine: machine}.Find(points)
	if errors.Is(err, index.ErrNoPoint) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return repo.Point(ctx, p)
}

// level tells what an asked level comes to.
func (r *run) level() string {
	switch {
	case r.o.Level == Full || r.o.Level == Copy:
		return r.o.Level
	case r.parent == nil:
		return Full
	case r.o.Level == Auto:
		return Inc
	}
	return r.o.Level
}

// disks captures each disk. failed joins the errors of disks that failed while others may go on; err ends the run.
func (r *run) disks(ctx context.Context) (failed, err error) {
	for i := range r.o.Disks {
		d := &r.o.Disks[i]
		err := r.disk(ctx, d)
		switch {
		case err == nil:
			r.good++
		case ctx.Err() == nil && errors.Is(err, ErrSource):
			failed = errors.Join(failed, fmt.Errorf("disk %s: %w", d.Name, err))
		default:
			return failed, fmt.Errorf("disk %s: %w", d.Name, err)
		}
	}
	return failed, nil
}

// close ends the workers, which makes their packs durable.
func (r *run) close() (err error) {
	for _, k := range r.workers {
		err = errors.Join(err, k.Close())
	}
	return err
}
