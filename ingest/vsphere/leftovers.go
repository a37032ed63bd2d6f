package vsphere

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"vbfs/hyper/vsphere"
	"vbfs/ingest"
)

// prefix begins the names of a repository's snapshots.
func prefix(w ingest.Wish) string { return "vbfs-" + w.Repository.String() + "-" }

// settleTime bounds how long tasks are waited for that are at work on the machine already.
const settleTime = 30 * time.Minute

// clean removes what runs that were killed have left on the machine: nobody else is at work on it, for we hold its locks. It gives the
// machine as it is then.
func (t *taking) clean(ctx context.Context) (warnings []string, err error) {
	if err := t.conn.Settle(ctx, t.m, settleTime); err != nil {
		return nil, fmt.Errorf("%s: %w: try again later", t.m.Name, err)
	}
	made, err := t.unfinished(ctx)
	if err != nil {
		return nil, err
	}
	if err := t.look(ctx); err != nil {
		return nil, err
	}
	for _, s := range t.m.Snapshots {
		if s.Ref.Value != made && !t.ours(s) {
			continue
		}
		if err := t.conn.RemoveSnapshot(ctx, s.Ref); err != nil {
			return nil, fmt.Errorf("%s: what an earlier run has left behind: %w", t.m.Name, err)
		}
		warnings = append(warnings, fmt.Sprintf("removed snapshot %s, which a run that was killed had left behind", s.Name))
	}
	if warnings == nil && t.state.note.Name == "" {
		return nil, nil
	}
	if err := t.conn.Consolidate(ctx, t.m.Ref); err != nil {
		return nil, err
	}
	if err := t.look(ctx); err != nil {
		return nil, err
	}
	return warnings, t.state.forget()
}

func (t *taking) ours(s vsphere.Snapshot) bool { return strings.HasPrefix(s.Name, prefix(t.w)) }

// unfinished gives the snapshot of a killed run, whichever repository it was for, and waits for it if it was only begun. "" is none. A
// task that the server has forgotten has ended.
func (t *taking) unfinished(ctx context.Context) (snapshot string, err error) {
	n := &t.state.note
	if n.Server != t.conn.Host() || n.Machine != t.m.Ref.Value || n.Task == "" {
		return "", nil
	}
	if n.Snapshot != "" {
		return n.Snapshot, nil
	}
	made, err := t.conn.Snapshotted(ctx, n.task())
	if errors.Is(err, vsphere.ErrTimeout) || ctx.Err() != nil {
		return "", err
	}
	return made.Value, nil // what has failed has made none
}
