package libvirt

import (
	"context"
	"fmt"

	"vbfs/restore"
	"vbfs/restore/machine"
)

// foresee tells what would be made, and looks whether its places are free.
func (n *newMachine) foresee(ctx context.Context) (*machine.Result, error) {
	var jobs []*job
	for _, d := range n.m.Disks {
		j := &job{disk: d, to: n.image(d), how: machine.Made}
		if err := n.free(ctx, j.to.path); err != nil {
			return nil, fmt.Errorf("disk %s: %w", d.Record.Name, err)
		}
		jobs = append(jobs, j)
	}
	puts := n.files(ctx)
	for _, p := range puts {
		if err := n.free(ctx, p.path); err != nil {
			return nil, fmt.Errorf("%s: %w", p.kind, err)
		}
	}
	_, notes, err := n.adjusted(ctx, jobs, puts)
	if err != nil {
		return nil, err
	}
	more, err := n.tpm(ctx)
	if err != nil {
		return nil, err
	}
	r := foreseen(n.name, jobs, append(notes, more...))
	if !n.fresh {
		r.UUID = n.uuid
	}
	return r, nil
}

func foreseen(name string, jobs []*job, notes []string) *machine.Result {
	r := &machine.Result{Name: name, Notes: notes}
	for _, j := range jobs {
		j.done = new(restore.Progress)
		r.Disks = append(r.Disks, j.restored())
	}
	return r
}

// foreseen is what would become of a machine that is there.
func (old *oldMachine) foreseen(jobs []*job) *machine.Result {
	r := foreseen(old.domain.Name(), jobs, old.notes)
	r.UUID = old.domain.UUID()
	return r
}

// free tells whether a file can be made.
func (n *newMachine) free(ctx context.Context, path string) error {
	if n.has(ctx, hasName, path) == there {
		return fmt.Errorf("%s %w", path, restore.ErrExists)
	}
	return nil
}
