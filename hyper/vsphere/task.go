package vsphere

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// How often a task is asked for how it is: often at first, then each second.
const (
	firstPoll = 20 * time.Millisecond
	lastPoll  = time.Second
)

// Wait waits until a task has ended, and gives its result: a Ref or nil. ctx ends the waiting, not the task. A task that the server
// has forgotten has ended, how is not known: ErrGone.
func (c *Conn) Wait(ctx context.Context, task Ref) (any, error) {
	for pause := firstPoll; ; pause = min(2*pause, lastPoll) {
		var t mo.Task
		if err := c.get(ctx, task, &t, "info"); err != nil {
			return nil, err
		}
		switch t.Info.State {
		case types.TaskInfoStateSuccess:
			return t.Info.Result, nil
		case types.TaskInfoStateError:
			return nil, taskError(t.Info.Error)
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, fmt.Errorf("task %s is still at work: %w", task.Value, err)
		}
	}
}

func taskError(f *types.LocalizedMethodFault) error {
	if f == nil || f.Fault == nil {
		return errors.New("the server does not say why")
	}
	said := f.LocalizedMessage
	if said == "" {
		said = "the server says " + class(f.Fault)
	}
	err := translate(localized{f})
	var known *Fault
	if errors.As(err, &known) {
		known.text = said
	}
	return err
}

// localized makes an error of what a task says.
type localized struct{ *types.LocalizedMethodFault }

func (l localized) Error() string                { return l.LocalizedMessage }
func (l localized) Fault() types.BaseMethodFault { return l.LocalizedMethodFault.Fault }

// within bounds what a task may take.
func (c *Conn) within(ctx context.Context, limit time.Duration, task Ref) (any, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w: more than %v", ErrTimeout, limit))
	defer cancel()
	return c.Wait(ctx, task)
}

// Settle waits until no snapshot of the machine is being made or removed, for limit at most.
func (c *Conn) Settle(ctx context.Context, m *Machine, limit time.Duration) error {
	for _, ref := range m.recent {
		var t mo.Task
		err := c.get(ctx, ref, &t, "info")
		if errors.Is(err, ErrGone) {
			continue
		}
		if err != nil {
			return err
		}
		if what := strings.ToLower(t.Info.DescriptionId); !strings.Contains(what, "snapshot") && !strings.Contains(what, "consolidate") {
			continue
		}
		if t.Info.State != types.TaskInfoStateRunning && t.Info.State != types.TaskInfoStateQueued {
			continue
		}
		if _, err := c.within(ctx, limit, ref); errors.Is(err, ErrTimeout) || ctx.Err() != nil {
			return fmt.Errorf("%w: %s: %w", ErrBusy, t.Info.DescriptionId, err)
		}
	}
	return nil
}
