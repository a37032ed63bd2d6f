package vsphere

import (
	"fmt"
	"strings"

	hyper "vbfs/hyper/vsphere"
	"vbfs/index/format"
	"vbfs/restore/machine"
)

// match finds the machine's disk for each of the point's: the one with its UUID, which moves with a disk, else the one at its place. With
// the whole machine the sets must be the same, for a machine with other disks is not what the point has.
func (old *oldMachine) match() (jobs []*job, err error) {
	p := old.pairs()
	if err := p.same(old); err != nil && !old.m.Alone {
		return nil, err
	}
	for _, d := range old.m.Disks {
		to := p.of[d.Record.Name]
		if to == nil {
			return nil, fmt.Errorf("disk %s: %w: %s has none with its UUID, nor at its place", d.Record.Name, machine.ErrOther, old.now.Name)
		}
		if err := suits(d, to); err != nil {
			return nil, fmt.Errorf("disk %s: %w", d.Record.Name, err)
		}
		if to.UUID != d.Record.ID {
			old.note("%s is not the recorded disk, by its UUID, but is at its place", to.Name)
		} else if to.Name != d.Record.Name {
			old.note("the disk that was %s at the point is %s now", d.Record.Name, to.Name)
		}
		jobs = append(jobs, &job{disk: d, to: to})
	}
	return jobs, nil
}

// Pairs of the point's disks with the machine's.
type pairs struct {
	of   map[string]*hyper.Disk // by the name that the point has
	left []string               // of the machine, without one
}

func (old *oldMachine) pairs() pairs {
	p := pairs{of: map[string]*hyper.Disk{}}
	taken := map[int32]bool{}
	pair := func(is func(*format.Disk, *hyper.Disk) bool) {
		for i := range old.m.Point.Disks {
			r := &old.m.Point.Disks[i]
			for k := range old.now.Disks {
				if d := &old.now.Disks[k]; p.of[r.Name] == nil && !taken[d.Key] && is(r, d) {
					p.of[r.Name], taken[d.Key] = d, true
				}
			}
		}
	}
	ids := map[string]int{}
	for _, d := range old.now.Disks {
		ids[d.UUID]++
	}
	pair(func(r *format.Disk, d *hyper.Disk) bool { return d.UUID != "" && ids[d.UUID] == 1 && r.ID == d.UUID })
	pair(func(r *format.Disk, d *hyper.Disk) bool { return r.Name == d.Name })
	for _, d := range old.now.Disks {
		if !taken[d.Key] {
			p.left = append(p.left, fmt.Sprintf("%s (%s)", d.Name, d.Label))
		}
	}
	return p
}

// same tells whether the machine has the point's disks, and no others.
func (p pairs) same(old *oldMachine) error {
	var missing []string
	for _, r := range old.m.Point.Disks {
		switch {
		case p.of[r.Name] == nil:
			missing = append(missing, r.Name)
		case !r.HasImage():
			old.note("%s stays as it is: the point has no image of it", p.of[r.Name].Name)
		}
	}
	var what []string
	if missing != nil {
		what = append(what, fmt.Sprintf("%s has no more the disks %s", old.now.Name, strings.Join(missing, ", ")))
	}
	if p.left != nil {
		what = append(what, fmt.Sprintf("the point does not have %s", strings.Join(p.left, ", ")))
	}
	if what == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", machine.ErrOther, strings.Join(what, "; "))
}

// suits tells whether a disk may become what the point has.
func suits(d machine.Disk, to *hyper.Disk) error {
	switch {
	case to.Capacity != d.Record.Size:
		return fmt.Errorf("%w: %s has %d bytes, the point's %d", machine.ErrOther, to.File, to.Capacity, d.Record.Size)
	case to.Shared:
		return fmt.Errorf("%w: other machines, which may run, share it", ErrRefused)
	case to.Physical:
		return fmt.Errorf("%w: it is a raw device in physical mode", ErrRefused)
	}
	return nil
}

// fit holds the disks against the transport: streams make new files.
func (old *oldMachine) fit(jobs []*job) error {
	for _, j := range jobs {
		what := ""
		switch {
		case old.library:
		case j.to.Raw:
			what = "it is a raw device"
		case j.to.Encrypted:
			what = "it is encrypted, and would be restored in the clear"
		}
		if what != "" {
			return fmt.Errorf("disk %s: %w without VMware's library: %s", j.disk.Record.Name, ErrRefused, what)
		}
	}
	return nil
}
