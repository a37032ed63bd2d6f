package vsphere

import (
	"context"
	"fmt"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
	"golang.org/x/sync/errgroup"

	hyper "vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/spec"
	"vbfs/restore/machine"
)

// bringAll adds all disks. Those that the library fills are made first, one by one, and settled with: so what the server refuses is known
// before the bytes go.
func (n *newMachine) bringAll(ctx context.Context) error {
	if !n.library {
		for _, prepare := range []func(context.Context) error{n.swept, n.spots, n.brand} {
			if err := prepare(ctx); err != nil {
				return err
			}
		}
	}
	for i := range n.disks {
		add := n.addNew
		if !n.library {
			add = n.addBrought
		}
		if err := add(ctx, &n.disks[i]); err != nil {
			return fmt.Errorf("disk %s: %w", n.disks[i].name(), err)
		}
	}
	if err := n.order(ctx); err != nil {
		return err
	}
	if !n.library {
		return nil
	}
	return n.fillNew(ctx)
}

// addNew adds a disk that is made with it.
func (n *newMachine) addNew(ctx context.Context, d *newDisk) error {
	return n.add(ctx, d, spec.DiskWish{File: "[" + n.stores[d.name()].Name + "]"})
}

// addBrought adds a disk whose bytes were brought first.
func (n *newMachine) addBrought(ctx context.Context, d *newDisk) error {
	n.undo.Add(func(ctx context.Context) error { return n.discard(ctx, d.at, n.ref, d.at.file) })
	file, err := n.bring(ctx, d.at, d.Disk)
	if err != nil {
		return err
	}
	if err := n.add(ctx, d, spec.DiskWish{File: file, Made: true}); err != nil {
		return err
	}
	now, err := n.conn.Machine(ctx, n.ref)
	if err != nil {
		return err
	}
	to, err := n.added(now, d)
	if err == nil {
		d.done = restored(d.Disk, to, machine.Made)
		d.done.Written = d.Amount.Data
	}
	return err
}

// spots are where the disks are brought to: their files are named after the machine, as VMware does it, if nothing else is called so.
func (n *newMachine) spots(ctx context.Context) error {
	now, err := n.conn.Machine(ctx, n.ref)
	if err != nil {
		return err
	}
	_, base, _ := strings.Cut(strings.TrimSuffix(now.Config.Files.VmPathName, ".vmx"), "] ")
	for i := range n.disks {
		d, store := &n.disks[i], n.stores[n.disks[i].name()]
		d.at = spot{
			pool: n.pool.Ref, folder: n.folder, host: &n.host.Ref, store: store.Name, whose: whose(n.folder, n.name), format: n.formats[d.name()],
			bus: d.was.Bus, hardware: n.info.Version, file: fmt.Sprintf("[%s] %s-%s.vmdk", store.Name, base, d.name()),
		}
		there, err := n.conn.Exists(ctx, store.Ref, d.at.file)
		if err != nil {
			return err
		}
		if there {
			d.at.file = beside(d.at.file)
		}
	}
	return nil
}

// whose is by what the throw-away machines of another restore of a new machine are known.
func whose(folder hyper.Ref, name string) string { return folder.Value + "/" + name }

// swept removes what a restore of the same machine that was killed has left.
func (n *newMachine) swept(ctx context.Context) error {
	notes, err := n.sweep(ctx, whose(n.folder, n.name), n.entries())
	n.notes = append(n.notes, notes...)
	return err
}

// entries are all machines, as the inventory lists them.
func (n *newMachine) entries() (all []hyper.Entry) {
	for _, o := range n.site.Occupants {
		all = append(all, hyper.Entry{Ref: o.Ref, Name: o.Name, Path: o.Path})
	}
	return all
}

func (n *newMachine) add(ctx context.Context, d *newDisk, w spec.DiskWish) error {
	now, err := n.conn.Machine(ctx, n.ref)
	if err != nil {
		return err
	}
	w.Key, w.Size, w.Format = d.was.Key, d.Record.Size, n.formats[d.name()]
	change, err := n.plan.Disk(w, now.Config.Hardware.Device)
	if err != nil {
		return err
	}
	return n.conn.Reconfigure(ctx, n.ref, types.VirtualMachineConfigSpec{DeviceChange: []types.BaseVirtualDeviceConfigSpec{change}})
}

// added finds the disk that was added: it is where the recorded one was.
func (n *newMachine) added(now *hyper.Machine, d *newDisk) (*hyper.Disk, error) {
	for i := range now.Disks {
		if now.Disks[i].Name == d.was.Name {
			return &now.Disks[i], nil
		}
	}
	return nil, fmt.Errorf("%w: %s has no disk %s, though it was added", machine.ErrOther, n.name, d.was.Name)
}

// fillNew writes the images into the disks.
func (n *newMachine) fillNew(ctx context.Context) error {
	now, err := n.conn.Machine(ctx, n.ref)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(disksAtOnce)
	for i := range n.disks {
		d := &n.disks[i]
		g.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			to, err := n.added(now, d)
			if err == nil {
				d.done, err = n.fill(ctx, n.ref, to.Key, d.Disk, true)
			}
			if err != nil {
				return fmt.Errorf("disk %s: %w", d.name(), err)
			}
			return nil
		})
	}
	return g.Wait()
}
