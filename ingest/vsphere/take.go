package vsphere

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/hyper/vsphere"
	"vbfs/ingest"
)

// A taking is one capture of a machine on its way.
type taking struct {
	*Machine
	w         ingest.Wish
	m         *vsphere.Machine // as it was before the snapshot
	state     *state
	transport string // the first to try
	shot      *ingest.Shot

	begun   bool        // a snapshot, though it may not be known
	snap    vsphere.Ref // made
	config  *types.VirtualMachineConfigInfo
	foreign int            // snapshots of others
	held    []vsphere.Disk // captured

	mu     sync.Mutex // of what follows
	lease  *vsphere.Lease
	broken bool // a stream of it did not come to its end
}

// undoTime bounds the way back from a capture that failed before it began.
const undoTime = 10 * time.Minute

// Take makes a snapshot and gives the disks as they are in it.
func (m *Machine) Take(ctx context.Context, w ingest.Wish) (_ *ingest.Shot, err error) {
	t := &taking{Machine: m, w: w, shot: &ingest.Shot{}}
	if t.m, err = m.conn.Machine(ctx, m.ref); err != nil {
		return nil, err
	}
	if t.state, err = openState(m.o.State, t.m.UUID); err != nil {
		return nil, fmt.Errorf("%s: %w", t.m.Name, err)
	}
	if err := t.take(ctx); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
		defer cancel()
		return nil, errors.Join(err, t.release(ctx))
	}
	t.shot.Check, t.shot.Release = t.check, t.release
	return t.shot, nil
}

func (t *taking) take(ctx context.Context) (err error) {
	if t.shot.Warnings, err = t.clean(ctx); err != nil {
		return err
	}
	if t.transport, err = t.choose(ctx); err != nil {
		return err
	}
	if err := t.preflight(ctx); err != nil {
		return err
	}
	if err := t.track(ctx); err != nil {
		return err
	}
	if err := t.hold(ctx); err != nil {
		return err
	}
	if err := t.look(ctx); err != nil { // with the snapshot's files
		return err
	}
	if t.config, err = t.conn.SnapshotConfig(ctx, t.snap); err != nil {
		return err
	}
	t.foreign = len(t.m.Snapshots) - 1
	t.disks()
	if err := t.noteTracking(); err != nil {
		return err
	}
	t.shot.Hypervisor = t.facts()
	return t.configs(ctx)
}

// look sees how the machine is now. What was seen before stays when it cannot be.
func (t *taking) look(ctx context.Context) error {
	m, err := t.conn.Machine(ctx, t.ref)
	if err != nil {
		return err
	}
	t.m = m
	return nil
}

// facts are what a later run, or a restore, has to know of the machine.
func (t *taking) facts() []string {
	return []string{
		"vsphere-server=" + t.conn.Host(), "vsphere-instance=" + t.m.UUID, "vsphere-moref=" + t.m.Ref.Value,
		"vsphere-version=" + t.conn.Version(), "vsphere-host=" + t.m.HostName, "vsphere-snapshots=" + strconv.Itoa(t.foreign),
	}
}

// track switches changed block tracking on, if that is asked for and can be.
func (t *taking) track(ctx context.Context) error {
	if t.m.Tracking || !t.o.EnableCBT {
		return nil
	}
	if len(t.m.Snapshots) > 0 {
		t.shot.Warnings = append(t.shot.Warnings, fmt.Sprintf("changed block tracking was not switched on: the machine has snapshots, the oldest is %q", t.m.Snapshots[0].Name))
		return nil
	}
	if err := t.conn.SetTracking(ctx, t.m, true); errors.Is(err, vsphere.ErrUntracked) {
		t.warn("changed block tracking was not switched on: %v", err)
		return nil
	} else if err != nil {
		return err
	}
	t.state.note.Ours, t.state.note.Begun = nil, true
	return t.state.write()
}

// noteTracking remembers the marks of a tracking that we have begun.
func (t *taking) noteTracking() error {
	n := &t.state.note
	if !n.Begun || t.foreign > 0 {
		n.Begun = false
		return t.state.write()
	}
	for _, d := range vsphere.Disks(t.config.Hardware.Device) {
		if mark, err := vsphere.ParseMark(d.Mark); err == nil {
			n.Ours, n.Begun = append(n.Ours, mark.UUID), false
		}
	}
	return t.state.write()
}
