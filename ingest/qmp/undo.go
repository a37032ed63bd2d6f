package qmp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vbfs/hyper/qmp"
)

// pollEvery is how often it is looked whether QEMU has ended a job or an export, which take milliseconds.
const pollEvery = 5 * time.Millisecond

// undo takes away all that a run made in QEMU, as far as it is there, readers first: whoever reads what the filter holds
// must not read on without it. Then the machine goes on, if the run is why it does not.
func (r *run) undo(ctx context.Context, c *qmp.Client) error {
	if err := r.resume(ctx, c, r.record.Stops, qmp.Paused); err != nil {
		return err
	}
	for _, step := range []func(context.Context, *qmp.Client) error{
		r.closeExports, r.stopServer, r.dropSnapshots, r.cancelJobs, r.dropScratch, r.thaw,
	} {
		if err := step(ctx, c); err != nil {
			return err
		}
	}
	return r.resume(ctx, c, r.record.Running, qmp.IOError)
}

// resume continues a machine that is in a state into which the run has, or may have, brought it. That of a QEMU that was started
// since is its own.
func (r *run) resume(ctx context.Context, c *qmp.Client, ours bool, state string) error {
	if !ours || r.record.Process != c.Process() {
		return nil
	}
	now, err := c.Status(ctx)
	if err == nil && now == state {
		err = c.Do(ctx, "cont", nil, nil)
	}
	if err != nil {
		return fmt.Errorf("continue the machine: %w", err)
	}
	return nil
}

// until asks list again and again, and calls act for each of the run's things in it, until there is none.
func (r *run) until(ctx context.Context, list func() ([]string, error), act func(name string) error) error {
	for {
		names, err := list()
		if err != nil {
			return err
		}
		names = slices.DeleteFunc(names, func(name string) bool { return !r.owns(name) })
		if len(names) == 0 {
			return nil
		}
		for _, name := range names {
			if err := act(name); err != nil {
				return err
			}
		}
		select {
		case <-time.After(pollEvery):
		case <-ctx.Done():
			return fmt.Errorf("wait for the end of %s: %w", strings.Join(names, ", "), ctx.Err())
		}
	}
}

func (r *run) closeExports(ctx context.Context, c *qmp.Client) error {
	return r.until(ctx, func() ([]string, error) { return exportIDs(ctx, c) }, func(id string) error {
		return refused(c.Do(ctx, "block-export-del", qmp.Args{"id": id, "mode": "hard"}, nil))
	})
}

// stopServer stops the NBD server, if it is the run's. One that others use by now stays, and is theirs.
func (r *run) stopServer(ctx context.Context, c *qmp.Client) error {
	if !r.listens(ctx) {
		return nil
	}
	exports, err := c.Exports(ctx)
	if err != nil || slices.ContainsFunc(exports, func(e qmp.Export) bool { return e.Type == "nbd" }) {
		return err
	}
	return c.Do(ctx, "nbd-server-stop", nil, nil)
}

func (r *run) dropSnapshots(ctx context.Context, c *qmp.Client) error { return r.drop(ctx, c, "s") }
func (r *run) dropScratch(ctx context.Context, c *qmp.Client) error   { return r.drop(ctx, c, "f") }

// drop removes the nodes of one kind: the letter in their names.
func (r *run) drop(ctx context.Context, c *qmp.Client, kind string) error {
	nodes, err := c.Nodes(ctx)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if r.owns(n.Name) && kindOf(n.Name) == kind {
			if err := c.Do(ctx, "blockdev-del", qmp.Args{"node-name": n.Name}, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) cancelJobs(ctx context.Context, c *qmp.Client) error {
	return r.until(ctx, func() ([]string, error) { return jobIDs(ctx, c) }, func(id string) error {
		if err := refused(c.Do(ctx, "block-job-cancel", qmp.Args{"device": id, "force": true}, nil)); err != nil {
			return err
		}
		return refused(c.Do(ctx, "job-dismiss", qmp.Args{"id": id}, nil)) // one that waits for that
	})
}

// refused lets pass what QEMU says against ending something that is ending already; until sees whether it does.
func refused(err error) error {
	if errors.As(err, new(*qmp.Error)) {
		return nil
	}
	return err
}

// thaw removes the frozen bitmaps.
func (r *run) thaw(ctx context.Context, c *qmp.Client) error {
	return dropBitmaps(ctx, c, func(b *qmp.Bitmap) bool { return b.Name == r.frozen() })
}

// dropBitmaps removes the bitmaps that are not wanted. Those in an image that QEMU does not write to, below another
// one, stay: they are met again when it does.
func dropBitmaps(ctx context.Context, c *qmp.Client, unwanted func(*qmp.Bitmap) bool) (err error) {
	nodes, err := c.Nodes(ctx)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		for i := range n.Bitmaps {
			b := &n.Bitmaps[i]
			if !unwanted(b) || b.Persistent && n.ReadOnly {
				continue
			}
			err = errors.Join(err, c.Do(ctx, "block-dirty-bitmap-remove", qmp.Args{"node": n.Name, "name": b.Name}, nil))
		}
	}
	return err
}
