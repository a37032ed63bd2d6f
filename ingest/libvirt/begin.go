package libvirt

import (
	"context"
	"errors"
	"slices"
	"time"

	"vbfs/hyper/libvirt"
	"vbfs/ingest/mark"
)

// beginTries bounds how often a job is tried: each time less is asked of it.
const beginTries = 16

// begin starts the job, with all that is wanted, or with less where libvirt says no.
func (h *hold) begin(ctx context.Context) error {
	for try := 1; ; try++ {
		var err error
		if h.consistency, err = h.still(ctx, h.job); err == nil {
			break
		}
		if e := h.unbegin(ctx, err); e != nil {
			return errors.Join(err, e)
		}
		if try == beginTries || ctx.Err() != nil || !h.otherPort(err) && !retreat(h.plan, err) {
			return err
		}
	}
	if h.place.local {
		h.watch = newWatch(h.place.base, h.room(), h.end)
	}
	return nil
}

// job begins the job.
func (h *hold) job(ctx context.Context) error {
	h.instant = time.Now()
	b := libvirt.Backup{Checkpoint: h.checkpoint()}
	h.listen(&b)
	for _, p := range h.plan {
		d := libvirt.BackupDisk{Target: p.Target, Since: p.since, Mark: p.mark}
		if p.skip == "" {
			d.Scratch = h.place.scratch(p.Target)
		}
		b.Disks = append(b.Disks, d)
	}
	return h.dom.Begin(ctx, b)
}

// checkpoint names the one to make, "" if there is none.
func (h *hold) checkpoint() string {
	if slices.ContainsFunc(h.plan, func(p planned) bool { return p.mark }) {
		return mark.Name(h.w.Repository, h.w.Point)
	}
	return ""
}

// unbegin makes sure that a job that did not begin well is not there. One whose beginning was given up may still come.
func (h *hold) unbegin(ctx context.Context, why error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	wait := time.Now()
	if errors.Is(why, libvirt.ErrTimeout) || errors.Is(why, libvirt.ErrLost) || errors.Is(why, context.DeadlineExceeded) {
		wait = wait.Add(lateTime)
	}
	for {
		ended, err := h.dom.End(ctx, h.mine)
		if ended || err != nil || time.Now().After(wait) {
			return errors.Join(err, h.unmark(ctx))
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// undoTime bounds what is undone of a Take that failed; lateTime is how long a job is awaited that may come yet.
const (
	undoTime = 2 * time.Minute
	lateTime = 10 * time.Second
)

// unmark removes the checkpoint of a point that there will not be.
func (h *hold) unmark(ctx context.Context) error {
	if h.checkpoint() == "" {
		return nil
	}
	return h.forget(ctx, h.checkpoint())
}
