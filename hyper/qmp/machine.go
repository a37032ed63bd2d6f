package qmp

import (
	"context"
	"errors"
)

// A machine's states that matter here: QAPI, run-state.json, RunState.
const (
	Running = "running"
	Paused  = "paused"   // stopped, by a command
	IOError = "io-error" // stopped, by a write that failed and is tried again when it goes on
)

// Status is the machine's state. A storage daemon has none: it is empty.
func (c *Client) Status(ctx context.Context) (string, error) {
	var s struct {
		Status string `json:"status"`
	}
	return s.Status, optional(c.Do(ctx, "query-status", nil, &s))
}

// Name is what -name called the machine, or empty.
func (c *Client) Name(ctx context.Context) (string, error) {
	var n struct {
		Name string `json:"name"`
	}
	return n.Name, optional(c.Do(ctx, "query-name", nil, &n))
}

// UUID is what -uuid called the machine, or empty. One that was not given is all zeros.
func (c *Client) UUID(ctx context.Context) (string, error) {
	var u struct {
		UUID string
	}
	err := optional(c.Do(ctx, "query-uuid", nil, &u))
	if u.UUID == "00000000-0000-0000-0000-000000000000" {
		u.UUID = ""
	}
	return u.UUID, err
}

// IOThreads tells whether there are threads beside the main one that may serve disks.
func (c *Client) IOThreads(ctx context.Context) (bool, error) {
	var threads []struct{}
	err := optional(c.Do(ctx, "query-iothreads", nil, &threads))
	return len(threads) > 0, err
}

// optional takes a command that QEMU does not have for one that says nothing.
func optional(err error) error {
	if errors.Is(err, ErrNoCommand) {
		return nil
	}
	return err
}

// Property asks for a property of an object in QEMU's tree, such as a device. One that there is not leaves out as it is.
func (c *Client) Property(ctx context.Context, path, name string, out any) error {
	err := c.Do(ctx, "qom-get", Args{"path": path, "property": name}, out)
	if errors.As(err, new(*Error)) {
		return nil
	}
	return err
}
