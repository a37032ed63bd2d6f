package qmp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vbfs/hyper/qmp"
)

// threadsSafe is the first version of QEMU in which disks that an iothread serves can be read while the machine runs. In 7.2 QEMU ends,
// and the machine with it, when a node is put upon one that is at work in an iothread, or the machine goes on after a stop while
// such a disk has a job (both: qemu_mutex_unlock_impl: Operation not permitted), and whenever a client of an NBD export in an iothread
// goes (nbd_blockdev_client_closed: Assertion `qemu_in_main_thread()...). All are seen in 7.2.22 within seconds of a writing guest; the
// locks they trip over are gone in 9.0.
//
// Of such a machine the jobs copy the disks whole to the scratch directory, and then nothing of ours is in the iothread any more: the
// scratch files, in the main thread, are what is exported, with the frozen bitmaps.
const threadsSafe = 9

// copyEvery is how often it is looked whether a disk is copied.
const copyEvery = 50 * time.Millisecond

// copied waits until the disk lies in its scratch file, and puts the frozen bitmap beside it.
func (r *run) copied(ctx context.Context, c *qmp.Client, d *disk) error {
	d.keeper = r.scratch(d)
	for {
		done, err := r.concluded(ctx, c, d)
		if err != nil {
			return err
		}
		if done {
			break
		}
		select {
		case <-time.After(copyEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := c.Do(ctx, "job-dismiss", qmp.Args{"id": r.job(d)}, nil); err != nil {
		return err
	}
	if d.base == "" {
		return nil
	}
	add := qmp.Args{"node": d.keeper, "name": r.frozen(), "granularity": granularity, "disabled": true}
	if err := c.Do(ctx, "block-dirty-bitmap-add", add, nil); err != nil {
		return err
	}
	from := []qmp.Args{{"node": d.node.Name, "name": r.frozen()}}
	return c.Do(ctx, "block-dirty-bitmap-merge", qmp.Args{"node": d.keeper, "target": r.frozen(), "bitmaps": from}, nil)
}

// concluded tells whether the disk's job has copied all. One that is gone, or ended otherwise, has not.
func (r *run) concluded(ctx context.Context, c *qmp.Client, d *disk) (bool, error) {
	jobs, err := c.Jobs(ctx)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(jobs, func(j qmp.Job) bool { return j.ID == r.job(d) })
	switch {
	case i < 0:
		return false, errors.New("somebody has ended the copying to the scratch directory")
	case jobs[i].Error != "":
		return false, fmt.Errorf("copy to the scratch directory: %s", jobs[i].Error)
	}
	return jobs[i].Status == "concluded", nil
}
