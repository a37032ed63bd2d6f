package qmp

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"vbfs/hyper/qmp"
	"vbfs/index/format"
	"vbfs/ingest"
	"vbfs/ingest/mark"
)

// Options say how a machine is captured.
type Options struct {
	// Scratch is the directory on QEMU's host in which what the guest overwrites meanwhile is kept. Empty is /var/tmp.
	Scratch string

	// State is the directory in which it is written down what has to be undone. Empty is Scratch.
	State string

	// Pause stops the machine for the instant.
	Pause bool

	// Skip says why the disk of that name is left out, or "". nil leaves out none.
	Skip func(disk string) string

	// Patience is how long QEMU may take for one command. 0 is 60 s.
	Patience time.Duration
}

const defaultScratch = "/var/tmp"

// A Machine is what one QEMU runs.
type Machine struct {
	socket string
	o      Options
}

var _ ingest.Machine = (*Machine)(nil)

// New is the machine whose QEMU has a monitor on a Unix socket. Nobody is asked yet.
func New(socket string, o Options) (*Machine, error) {
	socket, err := filepath.Abs(socket)
	if err != nil {
		return nil, fmt.Errorf("monitor: %w", err)
	}
	if o.Scratch == "" {
		o.Scratch = defaultScratch
	}
	if o.Scratch, err = filepath.Abs(o.Scratch); err != nil { // QEMU has a working directory of its own
		return nil, fmt.Errorf("scratch directory: %w", err)
	}
	if o.State == "" {
		o.State = o.Scratch
	}
	return &Machine{socket, o}, nil
}

// Name is what QEMU calls the machine (-name), else the socket's file name without its extension.
func (m *Machine) Name(ctx context.Context) (string, error) {
	c, err := qmp.Dial(ctx, m.socket, m.patience())
	if err != nil {
		return "", err
	}
	defer c.Close()
	name, err := c.Name(ctx)
	if name == "" && err == nil {
		base := filepath.Base(m.socket)
		name = strings.TrimSuffix(base, filepath.Ext(base))
	}
	return name, err
}

func (m *Machine) patience() qmp.Options { return qmp.Options{Timeout: m.o.Patience} }

// Base chooses the newest complete point that has a mark of its own; for Diff the newest full one.
func (m *Machine) Base(points []*format.Manifest, level string) *format.Manifest {
	return mark.Newest(points, level)
}
