package vsphere

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// SetTracking switches changed block tracking of all disks of a machine on or off. The machine must have no snapshots: tracking that was
// switched on with one is incomplete, and no error tells. On a running machine it begins with the next snapshot.
func (c *Conn) SetTracking(ctx context.Context, m *Machine, to bool) error {
	switch {
	case len(m.Snapshots) > 0:
		return fmt.Errorf("%s: %w, the oldest is %q: changed block tracking is not to be switched with them", m.Name, ErrSnapshots, m.Snapshots[0].Name)
	case m.Template:
		return fmt.Errorf("%s: %w: it is a template", m.Name, ErrUntracked)
	case to && !m.Trackable:
		return fmt.Errorf("%s: %w: its virtual hardware (%s) or host does not support it; version 7 and later do", m.Name, ErrUntracked, m.Hardware)
	case m.Merge:
		return fmt.Errorf("%s: %w: its disks need consolidation first", m.Name, ErrUntracked)
	}
	r, err := methods.ReconfigVM_Task(ctx, c.vim, &types.ReconfigVM_Task{This: m.Ref, Spec: types.VirtualMachineConfigSpec{ChangeTrackingEnabled: &to}})
	if err == nil {
		_, err = c.within(ctx, createTime, r.Returnval)
	}
	if err != nil {
		return fmt.Errorf("%s: switch changed block tracking: %w", m.Name, translate(err))
	}
	return nil
}

// Stun makes what was said of change tracking happen to a running machine: it makes a snapshot and removes it.
func (c *Conn) Stun(ctx context.Context, machine Ref, name string) error {
	task, err := c.StartSnapshot(ctx, machine, name, "", Nothing)
	if err != nil {
		return err
	}
	snapshot, err := c.Snapshotted(context.WithoutCancel(ctx), task)
	if err != nil {
		return err
	}
	return c.RemoveSnapshot(context.WithoutCancel(ctx), snapshot)
}

// A Mark is a change mark taken apart: marks of one UUID count on from each other.
type Mark struct {
	UUID   string // 32 hex digits
	Number uint64
}

// ParseMark reads a change mark: "52 d3 … -… 1a/42".
func ParseMark(s string) (m Mark, err error) {
	id, n, ok := strings.Cut(s, "/")
	if m.Number, err = strconv.ParseUint(n, 10, 64); !ok || err != nil {
		return m, fmt.Errorf("%w: %q", ErrMark, s)
	}
	m.UUID = strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(id))
	if len(m.UUID) != 32 || strings.Trim(m.UUID, "0123456789abcdef") != "" {
		return m, fmt.Errorf("%w: %q", ErrMark, s)
	}
	return m, nil
}

// Since says why changes cannot be counted from an older mark up to this one, or nil.
func (m Mark) Since(old Mark) error {
	switch {
	case m.UUID != old.UUID:
		return fmt.Errorf("%w: change tracking was begun anew since", ErrMark)
	case m.Number < old.Number:
		return fmt.Errorf("%w: change tracking went back from %d to %d, as when the machine is reverted to a snapshot", ErrMark, old.Number, m.Number)
	}
	return nil
}

// stunPrefix begins the names of snapshots that are made for their own sake.
const stunPrefix = "vbfs-cbt-"

// ResetTracking begins changed block tracking anew: all older marks are worth nothing then. It removes what an earlier one left
// behind when it was killed.
func (c *Conn) ResetTracking(ctx context.Context, machine Ref) error {
	m, err := c.Machine(ctx, machine)
	if err != nil {
		return err
	}
	for _, s := range m.Ours(stunPrefix) {
		if err := c.RemoveSnapshot(ctx, s.Ref); err != nil {
			return err
		}
	}
	for _, to := range []bool{false, true} {
		if m, err = c.Machine(ctx, machine); err != nil {
			return err
		}
		if err := c.SetTracking(ctx, m, to); err != nil {
			return err
		}
		if m.Power != "poweredOn" {
			continue
		}
		if err := c.Stun(ctx, machine, stunPrefix+"reset"); err != nil {
			return err
		}
	}
	return nil
}
