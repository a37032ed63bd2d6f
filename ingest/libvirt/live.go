package libvirt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vbfs/hyper/libvirt"
	"vbfs/ingest"
)

// A hold is a domain on the way to a point: what is done to it, and how it is undone.
type hold struct {
	m   *Machine
	w   ingest.Wish
	dom *libvirt.Domain

	state       libvirt.State
	agent       bool
	uid         int // of QEMU; -1 is not known
	memory      *memory
	place       *place
	disks       []libvirt.Disk // as the plan has them
	plan        []planned
	checkpoints []libvirt.Checkpoint
	created     time.Time // of our checkpoint; zero is none
	instant     time.Time
	consistency string
	warnings    []string
	port        int // of the job's server, with TLS
	watch       *watch
	way         *way // to the job's server
}

func (h *hold) warn(format string, args ...any) {
	h.warnings = append(h.warnings, fmt.Sprintf(format, args...))
}

// takeLive holds a domain that runs, or is paused.
func (m *Machine) takeLive(ctx context.Context, h *hold) (*ingest.Shot, error) {
	if err := h.take(ctx); err != nil {
		return nil, errors.Join(err, h.undo(ctx))
	}
	shot, err := h.shot(ctx)
	if err != nil {
		return nil, errors.Join(err, h.undo(ctx))
	}
	return shot, nil
}

// take does all in the order in which it has to be.
func (h *hold) take(ctx context.Context) error {
	if err := h.clear(ctx); err != nil {
		return err
	}
	f, err := h.facts(ctx)
	if err != nil {
		return err
	}
	h.checkpoints, h.disks = f.checkpoints, f.disks
	if err := errors.Join(h.prune(ctx, h.w.Points), h.sweep(ctx, f)); err != nil {
		h.warn("%v", err)
	}
	h.plan = plan(f, h.w, h.m.o.Skip)
	if !slices.ContainsFunc(h.plan, func(p planned) bool { return p.skip == "" }) {
		return nil
	}
	if err := h.promise(); err != nil {
		return err
	}
	if err := h.prepare(); err != nil {
		return err
	}
	if err := h.begin(ctx); err != nil {
		return err
	}
	if err := h.unchanged(ctx); err != nil {
		return err
	}
	if h.checkpoint() != "" {
		c, err := h.dom.Checkpoint(ctx, h.checkpoint())
		if err != nil {
			return err
		}
		h.created = c.Created
	}
	if err := h.reached(); err != nil {
		return err
	}
	h.way, err = h.newWay()
	return err
}

// undo lets the domain go as if nothing had been.
func (h *hold) undo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	err := h.release(ctx)
	if h.place != nil {
		err = errors.Join(err, h.unmark(ctx))
	}
	h.memory.close()
	return err
}

// tracking is what a disk's record says of the checkpoint made of it.
func (h *hold) tracking(p *planned) string {
	if !p.mark {
		return ""
	}
	return h.checkpoint()
}
