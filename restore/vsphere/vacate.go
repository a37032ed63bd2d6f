package vsphere

import (
	"context"
	"errors"
	"fmt"
	"slices"

	hyper "vbfs/hyper/vsphere"
	"vbfs/restore/machine"
)

// vacate makes room: a machine in the new one's place, or with its IDs, that a restore which was killed has left half made, goes. In the
// place of one whose restore may be at work nothing can be made.
func (n *newMachine) vacate(ctx context.Context) error {
	here, again := n.site.Child(n.folder, n.name), false
	for _, o := range slices.Clone(n.site.Occupants) {
		if !(n.missing == nil && o.Ref == here) && n.shares(o) == "" {
			continue
		}
		m, u, err := n.unfinished(ctx, o.Ref)
		if err != nil {
			return err
		}
		if u == nil {
			continue
		}
		why := u.kept(m)
		switch {
		case why != "" && o.Ref == here:
			return fmt.Errorf("%s: %w: made %v, %s", o.Path, ErrUnfinished, u, why)
		case why != "":
			n.note("%s is half made, %v, %s", o.Path, u, why)
		case n.o.Foresee:
			n.note("%s, which a restore that was killed has left half made, would be removed first", o.Path)
			n.going = append(n.going, o.Ref)
		default:
			if err := n.takeBack(ctx, m, u); err != nil {
				return fmt.Errorf("%s: %w: made %v, which has ended: %w", o.Path, ErrUnfinished, u, err)
			}
			n.note("%s, which a restore that was killed had left half made, is removed", o.Path)
			again = true
		}
	}
	if again {
		return n.look(ctx)
	}
	return nil
}

// look reads the inventory anew, and finds the place in it.
func (n *newMachine) look(ctx context.Context) (err error) {
	n.run.forget()
	if n.site, err = n.run.site.get(ctx, n.conn.Site); err != nil {
		return err
	}
	return n.locate()
}

// vacant refuses a place that is taken.
func (n *newMachine) vacant() error {
	if n.missing != nil {
		return nil
	}
	if there := n.site.Child(n.folder, n.name); there.Value != "" && !slices.Contains(n.going, there) {
		return fmt.Errorf("%s/%s: %w", n.path, n.name, machine.ErrExists)
	}
	return nil
}

// unfinished looks whether a machine is half made. One that is gone, or is not told of, is not.
func (n *newMachine) unfinished(ctx context.Context, ref hyper.Ref) (*hyper.Machine, *unfinished, error) {
	m, err := n.conn.Machine(ctx, ref)
	switch {
	case errors.Is(err, hyper.ErrGone):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	}
	return m, unfinishedOf(m), nil
}

// takeBack removes what a restore that was killed has made: disks that are no machine's yet, the machine, and the folders that were made
// for it, if nothing else is in them. The machine goes when all is known to be gone that only it knows of.
func (n *newMachine) takeBack(ctx context.Context, m *hyper.Machine, u *unfinished) error {
	if m.Folder == nil {
		return errors.New("it is in no folder")
	}
	for _, f := range u.Files {
		if err := n.discard(ctx, spot{folder: *m.Folder}, m.Ref, f); err != nil {
			return err
		}
	}
	notes, err := n.sweep(ctx, whose(*m.Folder, m.Name), n.entries())
	n.notes = append(n.notes, notes...)
	if err != nil {
		return err
	}
	if m, u, err = n.unfinished(ctx, m.Ref); err != nil || m == nil {
		return err
	}
	if u == nil || u.kept(m) != "" {
		return errors.New("somebody has taken it in hand meanwhile")
	}
	if err = n.conn.Destroy(ctx, m.Ref); err != nil || len(u.Folders) == 0 || u.Folders[len(u.Folders)-1] != m.Folder.Value {
		return err
	}
	for _, folder := range slices.Backward(u.Folders) {
		err = errors.Join(err, n.conn.RemoveFolder(ctx, hyper.Ref{Type: "Folder", Value: folder}))
	}
	return err
}
