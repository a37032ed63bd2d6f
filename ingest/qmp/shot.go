package qmp

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"vbfs/hyper/qmp"
	"vbfs/index/format"
	"vbfs/ingest"
	"vbfs/ingest/mark"
)

// undoTime bounds what undoes a capture that failed on the way.
const undoTime = 2 * time.Minute

// A shot is a machine held at one instant.
type shot struct {
	m        *Machine
	w        ingest.Wish
	link     *link
	facts    facts
	run      *run
	all      []*disk
	todo     []*disk // those of all that are captured
	time     time.Time
	guard    *guard
	configs  []format.ConfigFile
	warnings []string

	undoing sync.Mutex // held while it is undone
}

// Take holds the machine's disks as they are, in one transaction.
func (m *Machine) Take(ctx context.Context, w ingest.Wish) (*ingest.Shot, error) {
	s := &shot{m: m, w: w, link: &link{m: m}}
	if err := s.take(ctx); err != nil {
		return nil, errors.Join(err, s.fail(ctx))
	}
	return s.give(), nil
}

func (s *shot) take(ctx context.Context) error {
	c, err := s.link.client(ctx)
	if err != nil {
		return err
	}
	if err := s.m.clear(ctx, c); err != nil {
		return err
	}
	if s.facts, err = learn(ctx, c); err != nil {
		return err
	}
	if err := s.choose(ctx, c); err != nil {
		return err
	}
	if s.configs, err = configs(ctx, c, s.facts); err != nil {
		return err
	}
	if len(s.todo) == 0 {
		return nil
	}
	if err := room(s.m.o.Scratch, reserve(s.todo)); err != nil {
		return err
	}
	s.run = s.m.newRun(s.w.Point, s.facts)
	if err := s.run.begin(s.facts.process); err != nil {
		return err
	}
	if err := s.prepare(ctx, c); err != nil {
		return err
	}
	if err := s.instant(ctx, c); err != nil {
		return err
	}
	s.watch(ctx)
	return s.guard.explain(s.serve(ctx, c))
}

// choose finds the disks, and decides about each.
func (s *shot) choose(ctx context.Context, c *qmp.Client) (err error) {
	if s.all, err = disks(ctx, c, s.facts); err != nil {
		return err
	}
	for _, d := range s.all {
		if d.skip == "" && s.m.o.Skip != nil {
			d.skip = s.m.o.Skip(d.name)
		}
		if d.skip == "" {
			s.todo = append(s.todo, d)
		}
	}
	decide(s.todo, s.w, s.facts)
	return nil
}

// give describes the shot to the engine.
func (s *shot) give() *ingest.Shot {
	out := &ingest.Shot{
		Time: s.time, Hypervisor: s.facts.list(), Configs: s.configs, Warnings: s.warnings, Release: s.release, Settle: s.settle,
	}
	for _, d := range s.all {
		out.Disks = append(out.Disks, ingest.Disk{
			Name: d.name, Bus: d.bus(), Format: d.node.Driver, Logical: d.logical, Physical: d.physical, Origin: d.origin,
			Open:    func(ctx context.Context, changes bool) (ingest.Source, error) { return s.open(ctx, d, changes) },
			Changes: d.base != "", Fallback: d.fallback, Tracking: d.mark, Skip: d.skip,
		})
	}
	return out
}

// fail undoes a take that did not get to its end.
func (s *shot) fail(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	return errors.Join(s.release(ctx), s.settle(ctx, nil))
}

// release lets go of the disks.
func (s *shot) release(ctx context.Context) error {
	if s.guard != nil {
		s.guard.end()
	}
	err := s.undo(ctx)
	if err != nil {
		s.run.unlock() // for the next to find
	}
	return err
}

// undo takes away what the shot has in QEMU and in the scratch directory; what is gone already is no matter.
func (s *shot) undo(ctx context.Context) error {
	s.undoing.Lock()
	defer s.undoing.Unlock()
	if s.run == nil {
		return nil
	}
	if err := s.link.do(ctx, s.run.undo); err != nil && !gone(err) {
		return err
	}
	return s.run.end()
}

// settle drops the marks that no point needs any more, or the one that came to nothing. The monitor is free then.
func (s *shot) settle(ctx context.Context, made *format.Manifest) error {
	defer s.link.close()
	if s.run == nil {
		return nil // and another run may be at work
	}
	unwanted := func(b *qmp.Bitmap) bool { return ofMark(b.Name, mark.Name(s.w.Repository, s.w.Point)) }
	if made != nil && made.Complete() {
		unwanted = unneeded(s.w.Repository, append(slices.Clone(s.w.Points), made))
	}
	err := s.link.do(ctx, func(ctx context.Context, c *qmp.Client) error { return dropBitmaps(ctx, c, unwanted) })
	if gone(err) {
		return nil // what is in images is met again when they are
	}
	return err
}
