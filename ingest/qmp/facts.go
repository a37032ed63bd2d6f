package qmp

import (
	"context"
	"fmt"
	"slices"

	"vbfs/hyper/qmp"
)

// Facts that a point records of its machine, as KIND=VALUE.
const (
	factUUID    = "qemu-uuid"
	factProcess = "qemu-process"
	factVersion = "qemu"
	factSocket  = "qmp"
)

// facts are what is known of a QEMU.
type facts struct {
	uuid    string // empty: it was given none
	process qmp.Process
	version qmp.Version
	status  string // empty: a storage daemon, which runs nothing
	socket  string
	threads bool // disks may not be read while the machine runs; see copy.go
}

func learn(ctx context.Context, c *qmp.Client) (f facts, err error) {
	f = facts{process: c.Process(), version: c.Version(), socket: c.Path()}
	if f.version.QEMU.Major < 7 {
		return f, fmt.Errorf("monitor %s: %w, this is %s", f.socket, ErrTooOld, f.version)
	}
	if f.uuid, err = c.UUID(ctx); err != nil {
		return f, err
	}
	if f.status, err = c.Status(ctx); err != nil {
		return f, err
	}
	if f.version.QEMU.Major < threadsSafe {
		if f.threads, err = c.IOThreads(ctx); err != nil {
			return f, err
		}
	}
	if slices.Contains(elsewhere, f.status) {
		return f, fmt.Errorf("monitor %s: %w (%s)", f.socket, ErrMigrating, f.status)
	}
	return f, nil
}

// elsewhere are states in which the images are another QEMU's, or not what they will be: QAPI, run-state.json, RunState.
var elsewhere = []string{"inmigrate", "postmigrate", "finish-migrate", "restore-vm", "save-vm", "colo"}

// list is what a point records.
func (f facts) list() []string {
	out := []string{factVersion + "=" + f.version.String(), factSocket + "=" + f.socket}
	if f.uuid != "" {
		out = append(out, factUUID+"="+f.uuid)
	}
	if p := f.process.String(); p != "" {
		out = append(out, factProcess+"="+p)
	}
	return out
}
