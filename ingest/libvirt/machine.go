package libvirt

import (
	"context"
	"errors"

	"vbfs/hyper/libvirt"
	"vbfs/index/format"
	"vbfs/ingest"
	"vbfs/ingest/mark"
)

// Options say how a machine is held still. The zero value is the default.
type Options struct {
	// Scratch is the directory for what the guest overwrites during the capture, and for sockets; of a remote machine one
	// of its host's. Empty is /var/tmp.
	Scratch string

	// ScratchFree is how many bytes have to be free there at the beginning. 0 is a default that goes by the disks' sizes.
	ScratchFree int64

	// State is the directory that remembers what is to be undone should this run be killed. Empty is: nowhere.
	State string

	// Freeze names the mount points to freeze in the guest. Empty is all.
	Freeze []string

	// Consistency is what has to be reached: ingest.Application or ingest.Filesystem. Empty is: as good as can be.
	Consistency string

	// Pause stops the guest's processors for the instant, in place of freezing its file systems.
	Pause bool

	// Skip says why a disk, named by its target (vda), is left out; "" is that it is not. nil leaves none out.
	Skip func(disk string) string
}

// A Machine is a domain to be captured.
type Machine struct {
	conn   *libvirt.Conn
	domain string // name or UUID
	o      Options
}

var _ ingest.Machine = (*Machine)(nil)

// New makes a machine of the domain that has a name or UUID.
func New(conn *libvirt.Conn, domain string, o Options) *Machine {
	return &Machine{conn, domain, o}
}

// Take holds the machine still.
func (m *Machine) Take(ctx context.Context, w ingest.Wish) (*ingest.Shot, error) {
	dom, err := m.conn.Domain(ctx, m.domain)
	if err != nil {
		return nil, err
	}
	state, err := dom.State(ctx)
	if err != nil {
		return nil, err
	}
	shot, err := m.take(ctx, w, dom, state)
	if err != nil {
		return nil, err
	}
	files, warnings, err := configs(ctx, m.conn, dom)
	if err != nil {
		return nil, errors.Join(err, letGo(ctx, shot))
	}
	shot.Configs, shot.Warnings = files, append(shot.Warnings, warnings...)
	return shot, nil
}

func (m *Machine) take(ctx context.Context, w ingest.Wish, dom *libvirt.Domain, state libvirt.State) (*ingest.Shot, error) {
	if state == libvirt.ShutOff {
		return m.takeOffline(ctx, w, dom)
	}
	memory, err := remember(m.o.State, dom.UUID())
	if err != nil {
		return nil, err
	}
	return m.takeLive(ctx, &hold{m: m, w: w, dom: dom, state: state, memory: memory})
}

// letGo undoes a shot of which nothing will come.
func letGo(ctx context.Context, s *ingest.Shot) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	err := s.Release(ctx)
	if s.Settle != nil {
		err = errors.Join(err, s.Settle(ctx, nil))
	}
	return err
}

// Base chooses the newest complete point that has a checkpoint of its own; for Diff the newest full one.
func (m *Machine) Base(points []*format.Manifest, level string) *format.Manifest {
	return mark.Newest(points, level)
}
