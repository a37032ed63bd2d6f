package libvirt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vbfs/hyper/libvirt"
	"vbfs/ingest"
)

// Bounds of how long the guest is held still: the agent gets freezeTime to freeze, which syncs all that is dirty first; instantTime is for the
// job's beginning, which takes some 100 ms; thawTime for an agent that is slow to answer. One that does not say what time it is within
// answerTime is not asked for more.
const (
	answerTime  = 5 * time.Second
	freezeTime  = 60 * time.Second
	instantTime = 45 * time.Second
	thawTime    = 2 * time.Minute
)

// windows is the operating system whose agent asks programs, through VSS, to write what they hold before it freezes.
const windows = "mswindows"

// still has begin done while the guest holds still as far as it can, and gives the consistency reached. Nothing in it is given
// up half-way when ctx is cancelled: it is short, and has to be undone.
func (h *hold) still(ctx context.Context, begin func(context.Context) error) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	begin = within(begin)
	switch {
	case h.state != libvirt.Running:
		return ingest.Crash, begin(ctx)
	case h.m.o.Pause:
		return ingest.Crash, h.paused(ctx, begin)
	case h.agent:
		return h.frozen(ctx, begin)
	}
	return ingest.Crash, begin(ctx)
}

func within(begin func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), instantTime)
		defer cancel()
		return begin(ctx)
	}
}

// paused stops the processors meanwhile.
func (h *hold) paused(ctx context.Context, begin func(context.Context) error) error {
	if err := h.memory.write(leftPaused); err != nil {
		return err
	}
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), thawTime)
	defer cancel()
	err := h.dom.Suspend(clean)
	if err == nil {
		err = begin(ctx)
	}
	if e := h.dom.Resume(clean); e != nil && !errors.Is(e, libvirt.ErrInvalid) { // it runs, or is gone
		return errors.Join(err, fmt.Errorf("left paused: %w", e))
	}
	return errors.Join(err, h.memory.write(""))
}

// frozen has the guest's file systems hold still meanwhile. A guest that cannot is taken as it is, if that is enough.
func (h *hold) frozen(ctx context.Context, begin func(context.Context) error) (string, error) {
	if err := h.dom.Answers(ctx, answerTime); err != nil {
		return h.unfrozen(ctx, err, begin)
	}
	if err := h.memory.write(frozenBy(h.dom)); err != nil {
		return "", err
	}
	n, err := h.freeze(ctx)
	if err != nil {
		if e := h.doubtful(ctx, err); e != nil {
			return "", errors.Join(err, e)
		}
		return h.unfrozen(ctx, err, begin)
	}
	err = begin(ctx)
	held := h.thaw(ctx, n)
	switch {
	case errors.Is(held, errThawed):
		h.warn("%v", held)
		return ingest.Crash, err
	case err != nil || held != nil:
		return "", errors.Join(err, held)
	case n == 0:
		h.warn("the guest's agent froze no file system")
		return ingest.Crash, nil
	}
	if os, err := h.dom.GuestOS(ctx); err == nil && os == windows {
		return ingest.Application, nil
	}
	return ingest.Filesystem, nil
}

// unfrozen goes on with a guest that was not frozen, if that is enough. Its agent is not asked again.
func (h *hold) unfrozen(ctx context.Context, why error, begin func(context.Context) error) (string, error) {
	if h.m.o.Consistency != "" {
		return "", fmt.Errorf("%w: %w", ErrConsistency, why)
	}
	h.agent = false
	h.warn("the guest was not frozen: %v", why)
	return ingest.Crash, begin(ctx)
}

// doubtful thaws a guest that may have been frozen by a call that failed. Where the agent itself said no, it was not, or by somebody
// else: then thawing is for him.
func (h *hold) doubtful(ctx context.Context, failed error) error {
	for _, lost := range []error{libvirt.ErrNoAgent, libvirt.ErrTimeout, libvirt.ErrLost, context.DeadlineExceeded} {
		if errors.Is(failed, lost) {
			return h.thaw(ctx, 0)
		}
	}
	return h.memory.write("")
}

func (h *hold) freeze(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*freezeTime)
	defer cancel()
	return h.dom.Freeze(ctx, h.m.o.Freeze, freezeTime)
}

// errThawed says that the guest did not hold still to the end.
var errThawed = errors.New("the guest thawed by itself while the backup began")

// thaw lets the guest's n file systems go on; that is remembered to be left to do, until it is done.
func (h *hold) thaw(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), thawTime)
	defer cancel()
	thawed, err := h.dom.Thaw(ctx)
	if err != nil {
		return fmt.Errorf("left frozen: %w", err)
	}
	if err := h.memory.write(""); err != nil {
		return err
	}
	if thawed < n {
		return errThawed
	}
	return nil
}
