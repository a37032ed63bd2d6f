package libvirt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vbfs/hyper/libvirt"
	"vbfs/index/format"
	"vbfs/ingest"
	"vbfs/ingest/mark"
	"vbfs/ingest/nbd"
)

// shot hands over what is held.
func (h *hold) shot(ctx context.Context) (*ingest.Shot, error) {
	known, err := h.known(ctx)
	if err != nil {
		return nil, err
	}
	s := &ingest.Shot{
		Time: h.instant, Consistency: h.consistency, Hypervisor: known,
		Check: h.check, Release: h.release, Settle: h.settle,
	}
	for i := range h.plan {
		p := &h.plan[i]
		if p.skip == "" && p.unmarked != "" {
			h.warn("disk %s: no checkpoint: %s: an increment reads it in full", p.Target, p.unmarked)
		}
		s.Disks = append(s.Disks, h.disk(p))
	}
	s.Warnings = h.warnings
	return s, nil
}

func (h *hold) disk(p *planned) ingest.Disk {
	return ingest.Disk{
		Name: p.Target, Bus: p.Bus, Format: p.Format, Logical: p.Logical, Physical: p.Physical, Origin: p.origin,
		Skip: p.skip, Changes: p.since != "", Fallback: p.fallback, Tracking: h.tracking(p),
		Open: func(ctx context.Context, changes bool) (ingest.Source, error) { return h.open(ctx, p, changes) },
	}
}

// open reads a disk from the job's server.
func (h *hold) open(ctx context.Context, p *planned, changes bool) (ingest.Source, error) {
	var o nbd.Options
	if changes {
		o.Bitmaps = []string{libvirt.Changes(p.Target)}
	}
	src, err := nbd.Open(ctx, h.way.uri(p.Target), o)
	if err != nil {
		return nil, h.because(err)
	}
	return &heldSource{src, h}, nil
}

// A heldSource is a disk in the job's server, whose errors tell why the job was ended.
type heldSource struct {
	*nbd.Source
	h *hold
}

func (s *heldSource) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.Source.ReadAt(p, off)
	return n, s.h.because(err)
}

// because says of an error of reading that the job is not there any more, and why, if that is so.
func (h *hold) because(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, nbd.ErrClosed) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), whyTime)
	defer cancel()
	if why := h.check(ctx); why != nil {
		return fmt.Errorf("%w: %w", why, err)
	}
	return err
}

// whyTime bounds how long the reason of an error is looked for.
const whyTime = 10 * time.Second

// check asks whether the job runs still: while it ends, its disks are let go one after the other, and what is read then may be of later.
func (h *hold) check(ctx context.Context) error {
	if h.place == nil {
		return nil
	}
	if why := h.watch.because(nil); why != nil {
		return why
	}
	job, err := h.dom.Job(ctx)
	switch {
	case err != nil:
		return err
	case job == nil || !h.mine(job):
		return fmt.Errorf("%w: somebody else ended it, or the domain", ErrEnded)
	}
	return nil
}

// release ends the job and removes its files.
func (h *hold) release(ctx context.Context) error {
	if h.place == nil {
		return nil
	}
	h.watch.close()
	err := h.end(ctx)
	if h.watch.because(nil) != nil {
		err = errors.Join(err, h.unstick(ctx))
	}
	h.way.close()
	return errors.Join(err, h.place.clear())
}

// end ends the job, if it is ours. One that is not there, with its domain or without, is no error.
func (h *hold) end(ctx context.Context) error {
	_, err := h.dom.End(ctx, h.mine)
	return err
}

// unstick lets a guest go on that QEMU stopped because there was no room for scratch.
func (h *hold) unstick(ctx context.Context) error {
	if stuck, err := h.dom.Stuck(ctx); err != nil || !stuck || h.state != libvirt.Running {
		return err
	}
	return h.dom.Resume(ctx)
}

// settle removes the checkpoints that no point needs any more: when none came of this, the new one.
func (h *hold) settle(ctx context.Context, made *format.Manifest) error {
	defer h.memory.close()
	points := h.w.Points
	if made != nil && made.Complete() {
		points = append(slices.Clone(points), made)
	}
	if c := h.checkpoint(); c != "" {
		h.checkpoints = append(h.checkpoints, libvirt.Checkpoint{Name: c})
	}
	return h.prune(ctx, points)
}

// prune removes our checkpoints that no increment upon points would count from.
func (h *hold) prune(ctx context.Context, points []*format.Manifest) (err error) {
	keep := mark.Needed(h.w.Repository, points)
	for _, c := range h.checkpoints {
		if strings.HasPrefix(c.Name, mark.Prefix(h.w.Repository)) && !slices.Contains(keep, c.Name) {
			err = errors.Join(err, h.forget(ctx, c.Name))
		}
	}
	h.checkpoints = slices.DeleteFunc(h.checkpoints, func(c libvirt.Checkpoint) bool {
		return strings.HasPrefix(c.Name, mark.Prefix(h.w.Repository)) && !slices.Contains(keep, c.Name)
	})
	return err
}

// forget removes a checkpoint. Of a domain that is shut off libvirt removes none: a later run does.
func (h *hold) forget(ctx context.Context, name string) error {
	err := h.dom.DeleteCheckpoint(ctx, name)
	if errors.Is(err, libvirt.ErrUnsupported) || errors.Is(err, libvirt.ErrInvalid) || errors.Is(err, libvirt.ErrNoDomain) {
		return nil
	}
	return err
}
