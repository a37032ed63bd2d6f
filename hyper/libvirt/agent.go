package libvirt

import (
	"context"
	"errors"
	"fmt"
	"time"

	rpc "github.com/digitalocean/go-libvirt"
)

// Answers asks the guest's agent for the time, and gives it limit, in whole seconds, to answer: ErrNoAgent is that it does not.
func (d *Domain) Answers(ctx context.Context, limit time.Duration) error {
	err := say(ctx, d.conn, func(l *rpc.Libvirt) error {
		if _, err := l.DomainAgentSetResponseTimeout(d.raw, int32(limit.Seconds()), 0); err != nil {
			return err
		}
		_, _, err := l.DomainGetTime(d.raw, 0)
		return err
	})
	if errors.Is(err, ErrNoAgent) || errors.Is(err, ErrUnsupported) {
		return d.wrap("ask the guest's agent of", errors.Join(err, d.patience(ctx)))
	}
	return d.patience(ctx) // what else it said, it answered
}

// Freeze has the guest's agent hold still the file systems at mounts, all if there are none, and gives their number. The agent gets
// limit, in whole seconds, to do it. After an error the guest may be frozen all the same, or will be: Thaw.
func (d *Domain) Freeze(ctx context.Context, mounts []string, limit time.Duration) (int, error) {
	var n int32
	err := say(ctx, d.conn, func(l *rpc.Libvirt) (err error) {
		// Without it libvirt waits for ever, and lets nobody else speak to the agent.
		if _, err := l.DomainAgentSetResponseTimeout(d.raw, int32(limit.Seconds()), 0); err != nil {
			return err
		}
		n, err = l.DomainFsfreeze(d.raw, mounts, 0)
		return err
	})
	return int(n), d.wrap("freeze the guest of", err)
}

// Thaw lets the guest's file systems go on, and gives the number of those that were frozen. A guest that is not frozen is no error. An agent that does not answer, being busy with
// what went before, is asked again until ctx ends.
func (d *Domain) Thaw(ctx context.Context) (int, error) {
	for {
		n, err := ask(ctx, d.conn, func(l *rpc.Libvirt) (int32, error) { return l.DomainFsthaw(d.raw, nil, 0) })
		switch {
		case err == nil:
			return int(n), d.patience(ctx)
		case errors.Is(err, ErrInvalid), errors.Is(err, ErrNoDomain): // nothing runs that could be frozen
			return 0, nil
		}
		select {
		case <-ctx.Done():
			return 0, d.wrap("thaw the guest of", fmt.Errorf("%w (`virsh domfsthaw %s` does it by hand)", err, d.Name()))
		case <-time.After(time.Second):
		}
	}
}

// patience gives the agent back the time that it has by libvirt's default.
func (d *Domain) patience(ctx context.Context) error {
	_, err := ask(ctx, d.conn, func(l *rpc.Libvirt) (int32, error) {
		return l.DomainAgentSetResponseTimeout(d.raw, int32(rpc.DomainAgentResponseTimeoutBlock), 0)
	})
	return d.wrap("agent of", err)
}

// GuestOS asks the guest's agent for the operating system: linux's os-release ID, or mswindows.
func (d *Domain) GuestOS(ctx context.Context) (string, error) {
	params, err := ask(ctx, d.conn, func(l *rpc.Libvirt) ([]rpc.TypedParam, error) {
		return l.DomainGetGuestInfo(d.raw, uint32(rpc.DomainGuestInfoOs), 0)
	})
	for _, p := range params {
		if id, ok := p.Value.I.(string); ok && p.Field == rpc.DomainGuestInfoOsID {
			return id, nil
		}
	}
	return "", d.wrap("operating system of the guest of", err)
}
