package vsphere

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vbfs/hyper/vsphere"
	"vbfs/ingest"
)

// A guest that could not be quiesced once often can a little later: VSS is busy, a disk was.
const (
	quiesceTries = 3
	quiescePause = 5 * time.Second
)

// consistencies are what is reached, and asked for, by how the guest is held.
var consistencies = map[vsphere.Quiesce]string{vsphere.FileSystems: ingest.Filesystem, vsphere.Programs: ingest.Application}

// asked is what has to be reached.
func (o *Options) asked() vsphere.Quiesce {
	for q, name := range consistencies {
		if o.Consistency == name {
			return q
		}
	}
	return vsphere.Nothing
}

// stillness tells how the guest is to be held, and why no better. Less than what is asked for is an error.
func (t *taking) stillness() (q vsphere.Quiesce, why string, err error) {
	q, why = t.conn.Quiescible(t.m)
	if q < t.o.asked() {
		return q, why, fmt.Errorf("%w: %s consistency is asked for, and %s", ErrConsistency, t.o.Consistency, why)
	}
	if !t.o.Quiesce {
		q = t.o.asked()
	}
	return q, why, nil
}

// hold makes the snapshot: of a guest that is held as still as can be had.
func (t *taking) hold(ctx context.Context) error {
	best, _, err := t.stillness()
	if err != nil {
		return fmt.Errorf("%s: %w", t.m.Name, err)
	}
	for q := best; ; q-- {
		tries := 1
		if q == best && q != vsphere.Nothing {
			tries = quiesceTries
		}
		err = t.insist(ctx, q, tries)
		if !errors.Is(err, vsphere.ErrQuiesce) || q == t.o.asked() {
			t.shot.Consistency = consistencies[q]
			break
		}
		if q == vsphere.Programs {
			t.warn("programs in the guest could not be held still, at most its file systems are: %v", err)
		} else {
			t.warn("the guest could not be quiesced, the point is as if the power had failed: %v", err)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", t.m.Name, err)
	}
	return nil
}

// insist makes the snapshot, and tries again while the guest cannot be quiesced.
func (t *taking) insist(ctx context.Context, q vsphere.Quiesce, tries int) error {
	for try := 1; ; try++ {
		err := t.snapshot(ctx, q)
		if !errors.Is(err, vsphere.ErrQuiesce) || try == tries {
			return err
		}
		if stop := pause(ctx, t.o.QuiescePause); stop != nil {
			return stop
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	if d == 0 {
		d = quiescePause
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// snapshot makes one, and writes down what is to be undone before and after. When ctx ends meanwhile, the server goes on: it is
// waited for all the same, so that the snapshot can be removed.
func (t *taking) snapshot(ctx context.Context, q vsphere.Quiesce) (err error) {
	n := &t.state.note
	n.Server, n.Machine, n.Name, n.Task, n.Snapshot = t.conn.Host(), t.m.Ref.Value, prefix(t.w)+t.w.Point.String(), "", ""
	if err := t.state.write(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	t.shot.Time = time.Now().UTC()
	task, err := t.conn.StartSnapshot(ctx, t.m.Ref, n.Name, "being backed up by vbfs; it is removed at the end, or by the next backup", q)
	if err != nil {
		return err
	}
	t.begun, n.Task = true, task.Value
	if err := t.state.write(); err != nil {
		return err
	}
	if t.snap, err = t.conn.Snapshotted(ctx, task); err != nil {
		return err
	}
	n.Snapshot = t.snap.Value
	return t.state.write()
}

// check says that the machine runs on our snapshot no more: what was read is of no one instant then.
func (t *taking) check(ctx context.Context) error {
	now, err := t.conn.Machine(ctx, t.m.Ref)
	if err != nil {
		return err
	}
	for _, s := range now.Snapshots {
		if s.Ref.Value == t.snap.Value {
			return nil
		}
	}
	return fmt.Errorf("%s: %w: see that no other program removes snapshots of machines that are being backed up", t.m.Name, ErrNotHeld)
}

// How often the removal of the snapshot is tried: another task of the machine may be in the way.
const (
	removeTries = 5
	removePause = 3 * time.Second
)

// release removes the snapshot, however far it came.
func (t *taking) release(ctx context.Context) error {
	defer t.state.close()
	var err error
	if t.lease != nil {
		err = t.lease.Close(ctx, !t.broken)
	}
	if t.begun {
		err = errors.Join(err, t.remove(ctx))
	}
	if err == nil {
		err = t.state.forget()
	}
	return err
}

func (t *taking) remove(ctx context.Context) (err error) {
	for try := 1; ; try++ {
		if err = t.removeOnce(ctx); err == nil || try == removeTries || ctx.Err() != nil {
			break
		}
		if pause(ctx, removePause) != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("snapshot %s of %s: %w: remove it in the vSphere client, or let the next backup do it", t.state.note.Name, t.m.Name, err)
	}
	return nil
}

// removeOnce removes what has our name, also when it is not known what was made.
func (t *taking) removeOnce(ctx context.Context) error {
	now, err := t.conn.Machine(ctx, t.m.Ref)
	if errors.Is(err, vsphere.ErrGone) {
		return nil // the whole machine
	}
	if err != nil {
		return err
	}
	for _, s := range now.Snapshots {
		if s.Ref.Value == t.snap.Value || t.ours(s) || s.Name == t.state.note.Name {
			if err := t.conn.RemoveSnapshot(ctx, s.Ref); err != nil {
				return err
			}
		}
	}
	return t.conn.Consolidate(ctx, t.m.Ref)
}
