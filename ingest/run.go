package ingest

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"vbfs/index"
	"vbfs/index/format"
	"vbfs/ingest/anomaly"
)

// Levels that can be asked for. A point says which was done: full, inc, diff or copy.
const (
	Auto = "auto" // inc when there is a parent, else full
	Full = "full" // read everything, build on nothing
	Inc  = "inc"
	Diff = "diff"
	Copy = "copy"
)

// Consistency that a point reaches, the best first.
const (
	Application = "application" // programs in the guest had written what they hold
	Filesystem  = "filesystem"  // the guest's file systems were frozen
	Crash       = "crash"       // as if the power had failed
	None        = "none"        // the source changed while it was read
)

// A Disk says what one disk is captured from.
type Disk struct {
	Name     string // in the point
	ID       string // stable; "" is the name
	Bus      string
	Format   string // of the source, for people
	Logical  int64  // sector sizes, bytes
	Physical int64

	Origin string // where the source lies, and which one it is: a path with device and inode

	// Open opens the source. With changes, which is asked for only when Changes is set, it yields only what changed since
	// the point that is built upon: the machine's newest complete one, or what Machine.Base chose. It may be called again.
	Open func(ctx context.Context, changes bool) (Source, error)
	// Changes tells that Open can give changes. When it cannot although it was hoped to, Fallback says why.
	Changes  bool
	Fallback string
	// Tracking names what keeps track of the disk's changes from this point on, and is recorded: a bitmap, a checkpoint.
	Tracking string
	// Skip says why the disk is left out on purpose: the point records that, and Open is not called. "" is: it is not.
	Skip string
	// After is asked when the disk was read, if it is set: why the source is not as it was at the beginning, or "".
	After func() string
}

// Options says what a run captures. Machine is needed, and Disks or Source.
type Options struct {
	Machine  string
	Level    string // "" is Auto
	Tool     string // program and version
	Host     string
	Tags     []string // K=V
	Disks    []Disk   // each by itself, read as it is
	Source   Machine  // gives the disks at one instant, in place of Disks
	Workers  int      // 0 is one for each core
	Rate     int64    // bytes a second read from sources at most; 0 is no limit
	Pool     *Pool    // in place of Workers and Rate: shared with other runs
	Audit    bool     // compare all that change tracking calls unchanged, not a sample
	Progress *Progress

	seed *[32]byte // of what is random, in tests
}

// Run captures one point of a machine. When some disks fail, the point is there, partial, and so is the error; when all
// do, there is no point.
func Run(ctx context.Context, repo *index.Repository, o Options) (m *format.Manifest, err error) {
	for range runTries {
		if m, err = runOnce(ctx, repo, o); !errors.Is(err, index.ErrCollected) {
			break
		}
	}
	return m, err
}

// runTries bounds how often a point is captured again because what it would share was collected meanwhile, or lost.
const runTries = 3

func runOnce(ctx context.Context, repo *index.Repository, o Options) (m *format.Manifest, err error) {
	r, err := begin(ctx, repo, o)
	if err != nil {
		return nil, err
	}
	defer r.w.Abort(ctx)
	defer func() { err = errors.Join(err, r.settle(ctx, m)) }()
	failed, err := r.shoot(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case r.good == 0 && failed != nil:
		return nil, failed
	case r.good == 0:
		return nil, errors.New("no disk is to be captured")
	}
	if err := r.judge(ctx); err != nil {
		return nil, err
	}
	m, err = r.w.Commit(ctx)
	return m, errors.Join(failed, err)
}

// shoot captures the disks, of a machine that is held still only meanwhile. failed is of disks without which there is a
// point all the same.
func (r *run) shoot(ctx context.Context) (failed, err error) {
	if err := r.take(ctx); err != nil {
		return nil, errors.Join(err, r.close())
	}
	defer r.release(ctx)
	failed, err = r.disks(ctx)
	if err == nil && r.good > 0 {
		err = r.check(ctx)
	}
	return failed, errors.Join(err, r.close())
}

// judge notes whether the point is out of the machine's ordinary. One that comes in behind later ones, as by an import, is not
// judged: what it could be compared with is the machine's future.
func (r *run) judge(ctx context.Context) error {
	if err := r.w.Finish(ctx); err != nil {
		return err
	}
	facts, err := r.repo.Notes(ctx)
	if err != nil {
		return err
	}
	m := &r.w.Manifest
	before := slices.DeleteFunc(r.points, func(p *format.Manifest) bool { return p.Machine != m.Machine || !p.Complete() })
	if slices.ContainsFunc(before, func(p *format.Manifest) bool { return p.Time.After(m.Time) }) {
		return nil
	}
	m.Anomaly = anomaly.Of(m, before, func(p *format.Manifest) bool { return p.Anomaly == "" || facts[p.Point].Accepted })
	return nil
}

// A run is one point on its way.
type run struct {
	o      Options
	repo   *index.Repository
	points []*format.Manifest // before this one, of all machines
	parent *format.Manifest   // whole; nil for none
	unfit  bool               // no point is fit to count changes from; parent is good for what is equal
	w      *index.Writer
	hands  chan *hand // idle ones; its capacity is all there are

	shot *Shot // nil without a Source, and before
	left error // what could not be undone

	mu         sync.Mutex // guards all below, and lists of w.Manifest
	rng        *rand.Rand
	todo       []*Disk         // to be captured
	good       int             // disks captured
	failed     error           // of disks that failed while others go on
	tracked    []trackedDisk   // captured by changes
	audited    map[*Disk]int64 // bytes read by audits of what was dropped
	distrusted string          // why no change tracking is to be used any more
}

// disksAtOnce bounds how many disks of a machine are read at once: enough to hide what one waits for, of a network or a
// spindle. The hands are shared.
const disksAtOnce = 4

func begin(ctx context.Context, repo *index.Repository, o Options) (*run, error) {
	if o.Level == "" {
		o.Level = Auto
	}
	if o.Pool == nil {
		o.Pool = NewPool(o.Workers, o.Rate, 1)
	}
	if o.Progress == nil {
		o.Progress = new(Progress)
	}
	r := &run{o: o, repo: repo, rng: newRand(o.seed), audited: map[*Disk]int64{}}
	if err := r.session(ctx); err != nil {
		return nil, err
	}
	m := &r.w.Manifest
	m.Asked, m.Done, m.Tags, m.Consistency = o.Level, r.level(), o.Tags, Crash
	r.hands = make(chan *hand, o.Pool.hands)
	for range cap(r.hands) {
		r.hands <- &hand{}
	}
	return r, nil
}

// newRand makes what chooses samples; nobody can foresee it, unless it is seeded.
func newRand(seed *[32]byte) *rand.Rand {
	if seed == nil {
		seed = new([32]byte)
		crand.Read(seed[:])
	}
	return rand.New(rand.NewChaCha8(*seed))
}

// session begins the point upon another one of the machine. Changes are since that one, so it has to be the one to choose
// still when nobody else can add one.
func (r *run) session(ctx context.Context) error {
	for {
		chosen, err := r.choose(ctx)
		if err != nil {
			return err
		}
		if r.parent, err = r.whole(ctx, chosen); err != nil {
			return err
		}
		o := index.BeginOptions{Machine: r.o.Machine, Tool: r.o.Tool, Host: r.o.Host, Base: r.parent}
		if r.w, err = r.repo.Begin(ctx, o); err != nil {
			return err
		}
		now, err := r.choose(ctx)
		if err != nil {
			return errors.Join(err, r.w.Abort(ctx))
		}
		if now == nil && chosen == nil || now != nil && chosen != nil && now.Point == chosen.Point {
			return nil
		}
		if err := r.w.Abort(ctx); err != nil {
			return err
		}
	}
}

// choose lists the points, and gives the one to build upon: what the source says, else the machine's newest; nil for none.
func (r *run) choose(ctx context.Context) (_ *format.Manifest, err error) {
	if r.points, err = r.repo.Points(ctx); err != nil {
		return nil, err
	}
	mine := complete(r.points, r.o.Machine)
	if len(mine) == 0 {
		return nil, nil
	}
	newest := mine[len(mine)-1]
	if r.o.Source == nil {
		return newest, nil
	}
	chosen := r.o.Source.Base(mine, r.o.Level)
	if r.unfit = chosen == nil; r.unfit {
		return newest, nil
	}
	return chosen, nil
}

// whole reads what a listing left out of a point. nil stays nil.
func (r *run) whole(ctx context.Context, p *format.Manifest) (*format.Manifest, error) {
	if p == nil {
		return nil, nil
	}
	return r.repo.Point(ctx, p)
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

// disks captures each disk, some at once. failed joins the errors of disks that failed while others may go on; err ends
// the run. What a lie has made doubtful meanwhile is captured again after the rest.
func (r *run) disks(ctx context.Context) (failed, err error) {
	for i := range r.o.Disks {
		d := &r.o.Disks[i]
		if d.Skip != "" {
			r.without(d, format.DiskSkipped, d.Skip)
			continue
		}
		r.todo = append(r.todo, d)
	}
	for len(r.todo) > 0 {
		todo := r.todo
		r.todo = nil
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(disksAtOnce)
		for _, d := range todo {
			g.Go(func() error { return r.account(ctx, d, r.disk(ctx, d)) })
		}
		if err := g.Wait(); err != nil {
			return r.failed, err
		}
	}
	return r.failed, nil
}

// account notes what became of a disk. An error is one that ends the run.
func (r *run) account(ctx context.Context, d *Disk, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		r.good++
	case errors.Is(err, errDoubtful):
		r.todo = append(r.todo, d)
	case ctx.Err() == nil && errors.Is(err, ErrSource):
		r.failed = errors.Join(r.failed, fmt.Errorf("disk %s: %w", d.Name, err))
	default:
		return fmt.Errorf("disk %s: %w", d.Name, err)
	}
	return nil
}

// close ends the hands, which are all idle, and makes their packs durable.
func (r *run) close() (err error) {
	close(r.hands)
	for h := range r.hands {
		if h.k != nil {
			err = errors.Join(err, h.k.Close())
		}
	}
	return err
}
