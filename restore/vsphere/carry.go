package vsphere

import (
	"context"
	"fmt"
	"time"

	hyper "vbfs/hyper/vsphere"
	"vbfs/restore"
	"vbfs/restore/machine"
)

// A carrier brings disks of a point to VMware.
type carrier struct {
	conn     *hyper.Conn
	library  bool // VMware's, is there: fill; else bring
	vddk     hyper.VDDKOptions
	delta    bool // reads what is there, and writes what differs
	verify   bool
	workers  int
	progress *machine.Progress // nil is: nobody wants to know

	retryPause time.Duration // before a transfer is tried again; 0 is bringPause
}

// fill writes a disk's image, through VMware's library, into a disk that is there: of a machine that is off and has no snapshots, which
// is looked at once more. fresh: it was just made, and reads as zeros. When it fails with anything written to a disk that is not fresh,
// the error is machine.ErrHalf.
func (c *carrier) fill(ctx context.Context, ref hyper.Ref, key int32, d machine.Disk, fresh bool) (r machine.Restored, err error) {
	m, err := c.conn.Machine(ctx, ref)
	if err != nil {
		return r, err
	}
	to, err := disk(m, key)
	if err == nil {
		err = idle(m)
	}
	if err != nil {
		return r, err
	}
	l, err := c.open(ctx, ref, to, d, fresh)
	if err != nil {
		return r, fmt.Errorf("%s: %w", to.File, err)
	}
	done := c.progress.Disk()
	o := restore.Options{Workers: c.workers, Verify: c.verify, Compare: c.delta && !fresh, Progress: done}
	if err := restore.Copy(ctx, d.Image, l, o); err != nil {
		err = fmt.Errorf("%s: %w", to.File, l.saying(err))
		if l.touched.Load() && !fresh {
			err = fmt.Errorf("%w; %s is %w", err, to.File, machine.ErrHalf)
		}
		return r, err
	}
	r = restored(d, to, c.how(fresh))
	r.Written = done.Data.Load() + done.Zero.Load() - done.Same.Load()
	return r, nil
}

func (c *carrier) how(fresh bool) string {
	switch {
	case fresh:
		return machine.Made
	case c.delta:
		return machine.Compared
	}
	return machine.InPlace
}

func restored(d machine.Disk, to *hyper.Disk, how string) machine.Restored {
	return machine.Restored{
		Name: d.Record.Name, Path: to.File, Format: formatOf(to), Size: d.Record.Size, Data: d.Amount.Data, How: how,
	}
}

// formatOf is how a disk's space is had.
func formatOf(d *hyper.Disk) string {
	switch {
	case d.Thin:
		return "thin"
	case d.Eager:
		return "eagerzeroedthick"
	}
	return "zeroedthick"
}

func disk(m *hyper.Machine, key int32) (*hyper.Disk, error) {
	for i := range m.Disks {
		if m.Disks[i].Key == key {
			return &m.Disks[i], nil
		}
	}
	return nil, fmt.Errorf("%w: %s has no disk with device key %d any more", machine.ErrOther, m.Name, key)
}

// idle tells whether nothing depends on what the machine's disks hold.
func idle(m *hyper.Machine) error {
	switch {
	case m.Power != "poweredOff":
		return fmt.Errorf("%w: %s is %s", machine.ErrRuns, m.Name, m.Power)
	case len(m.Snapshots) > 0:
		return fmt.Errorf("%w: %s has %d, the oldest is %q", machine.ErrSnapshots, m.Name, len(m.Snapshots), m.Snapshots[0].Name)
	case m.Merge:
		return fmt.Errorf("%w: the disks of %s need consolidation", machine.ErrSnapshots, m.Name)
	}
	return nil
}
