package libvirt

import (
	"context"
	"errors"
	"fmt"

	"vbfs/hyper/qemu"
	"vbfs/restore/machine"
)

// images writes the disks. They all get their names, or none.
func (n *newMachine) images(ctx context.Context) (jobs []*job, err error) {
	defer func() { err = errors.Join(err, closeAll(jobs)) }()
	for _, d := range n.m.Disks {
		to := n.image(d)
		target, err := n.host.open(ctx, d, to)
		if err != nil {
			return jobs, fmt.Errorf("disk %s: %w", d.Record.Name, err)
		}
		jobs = append(jobs, &job{disk: d, to: to, how: machine.Made, target: target, done: n.o.Progress.Disk()})
	}
	if err := fill(ctx, jobs, n.o); err != nil {
		return jobs, err
	}
	return jobs, take(jobs, func(j *job) { n.made(j.to.path) })
}

// made has a file go again when the machine does not come about.
func (n *newMachine) made(path string) {
	n.undo.Add(func(ctx context.Context) error { return n.host.remove(ctx, path) })
}

// image is where a disk's new image goes.
func (n *newMachine) image(d machine.Disk) file {
	f := n.format(d)
	return file{path: n.host.path(n.name + "-" + d.Record.Name + "." + f), format: f}
}

// format of a disk's new image: what was asked for, else its source's, of which raw and qcow2 are what QEMU runs best from.
func (n *newMachine) format(d machine.Disk) string {
	switch {
	case n.o.Format != "":
		return n.o.Format
	case d.Record.Source == qemu.Raw:
		return qemu.Raw
	}
	return qemu.QCow2
}
