package vsphere

import (
	"context"
	"time"
)

// trackTime bounds what is needed to switch change tracking on again.
const trackTime = 5 * time.Minute

// untrack switches change tracking off, if it is on, and gives what switches it on again: VMware's library writes past it, so no mark of
// before is worth anything afterwards, and with another tracking each of them is refused.
func (old *oldMachine) untrack(ctx context.Context) (on func(error) error, err error) {
	if !old.now.Tracking {
		return func(error) error { return nil }, nil
	}
	if err := old.conn.SetTracking(ctx, old.now, false); err != nil {
		return nil, err
	}
	return func(failed error) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), trackTime)
		defer cancel()
		m, err := old.conn.Machine(ctx, old.now.Ref)
		if err == nil {
			err = old.conn.SetTracking(ctx, m, true)
		}
		if err != nil && failed == nil {
			old.note("its changed block tracking, which was on, stays off: %v", err)
			return nil
		}
		return err
	}, nil
}
