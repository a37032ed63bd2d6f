package libvirt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"vbfs/restore"
	"vbfs/restore/machine"
)

// foresee tells what would be made, and looks whether its places are free.
func (n *newMachine) foresee() (*machine.Result, error) {
	var jobs []*job
	for _, d := range n.m.Disks {
		j := &job{disk: d, to: n.image(d), how: machine.Made}
		if err := free(j.to.path); err != nil {
			return nil, fmt.Errorf("disk %s: %w", d.Record.Name, err)
		}
		jobs = append(jobs, j)
	}
	puts := n.files()
	for _, p := range puts {
		if err := free(p.path); err != nil {
			return nil, fmt.Errorf("%s: %w", p.kind, err)
		}
	}
	_, notes, err := n.adjusted(jobs, puts)
	if err != nil {
		return nil, err
	}
	more, err := n.tpm()
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
func free(path string) error {
	_, err := os.Lstat(path)
	switch {
	case err == nil:
		return fmt.Errorf("%s %w", path, restore.ErrExists)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}
