package vsphere

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// How long VMware may take: it waits up to 15 minutes for a guest to be quiet; to merge a snapshot that has grown takes hours.
const (
	createTime = 30 * time.Minute
	removeTime = 24 * time.Hour
)

// StartSnapshot begins a snapshot of the disks, without memory, and gives its task.
func (c *Conn) StartSnapshot(ctx context.Context, machine Ref, name, description string, q Quiesce) (task Ref, err error) {
	if q == Programs {
		task, err = c.startWindows(ctx, machine, name, description)
	} else {
		var r *types.CreateSnapshot_TaskResponse
		r, err = methods.CreateSnapshot_Task(ctx, c.vim, &types.CreateSnapshot_Task{This: machine, Name: name, Description: description, Quiesce: q == FileSystems})
		if err == nil {
			task = r.Returnval
		}
	}
	if err != nil {
		return Ref{}, fmt.Errorf("snapshot %s of %s: %w", name, machine.Value, translate(err))
	}
	return task, nil
}

// Snapshotted waits for the snapshot of a task.
func (c *Conn) Snapshotted(ctx context.Context, task Ref) (Ref, error) {
	result, err := c.within(ctx, createTime, task)
	if err != nil {
		return Ref{}, fmt.Errorf("snapshot: %w", err)
	}
	ref, ok := result.(Ref)
	if !ok {
		return Ref{}, fmt.Errorf("snapshot: task %s gives no reference to it", task.Value)
	}
	return ref, nil
}

// Ours finds the snapshots of a machine whose names begin with prefix, from old to new.
func (m *Machine) Ours(prefix string) (out []Snapshot) {
	for _, s := range m.Snapshots {
		if strings.HasPrefix(s.Name, prefix) {
			out = append(out, s)
		}
	}
	return out
}

// RemoveSnapshot removes one snapshot, not its children, and merges its disks. One that is gone is no error. It takes as long as it takes,
// or ctx allows; the server goes on then.
func (c *Conn) RemoveSnapshot(ctx context.Context, snapshot Ref) error {
	merge := true
	r, err := methods.RemoveSnapshot_Task(ctx, c.vim, &types.RemoveSnapshot_Task{This: snapshot, Consolidate: &merge})
	if err == nil {
		_, err = c.within(ctx, removeTime, r.Returnval)
	}
	if err = translate(err); err != nil && !errors.Is(err, ErrGone) {
		return fmt.Errorf("remove snapshot %s: %w", snapshot.Value, err)
	}
	return nil
}

// Consolidate merges what snapshots have left behind, if there is something.
func (c *Conn) Consolidate(ctx context.Context, machine Ref) error {
	var v mo.VirtualMachine
	if err := c.get(ctx, machine, &v, "runtime.consolidationNeeded"); err != nil {
		return err
	}
	if !v.Runtime.ConsolidationNeeded {
		return nil
	}
	r, err := methods.ConsolidateVMDisks_Task(ctx, c.vim, &types.ConsolidateVMDisks_Task{This: machine})
	if err == nil {
		_, err = c.within(ctx, removeTime, r.Returnval)
	}
	if err != nil {
		return fmt.Errorf("consolidate the disks of %s: %w", machine.Value, translate(err))
	}
	return nil
}
