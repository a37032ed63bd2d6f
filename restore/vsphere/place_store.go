package vsphere

import (
	"fmt"
	"slices"

	"github.com/vmware/govmomi/object"

	hyper "vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/spec"
	"vbfs/restore"
	"vbfs/restore/machine"
)

func ofStore(d *hyper.Datastore) (name, path string) { return d.Name, d.Path }

// store finds the datastores of the machine and of its disks, and whether there is room.
func (n *newMachine) store() (err error) {
	for disk := range n.o.Stores {
		if !slices.ContainsFunc(n.disks, func(d newDisk) bool { return d.name() == disk }) {
			return fmt.Errorf("%w: there is no disk %s to be put on %s", machine.ErrNoDisk, disk, n.o.Stores[disk])
		}
	}
	all := where(n.site.Datastores, func(d *hyper.Datastore) bool {
		return d.Usable && n.inside(d.Path) && slices.Contains(n.compute.Datastores, d.Ref)
	})
	n.stores, n.formats = map[string]*hyper.Datastore{}, map[string]string{}
	for _, d := range n.disks {
		wanted := n.o.Storage
		if one := n.o.Stores[d.name()]; one != "" {
			wanted = one
		}
		c := choice{"datastore", "--storage " + d.name() + "=DATASTORE, or --storage", wanted, d.was.Datastore, machine.ErrNoStorage}
		if n.stores[d.name()], err = pick(c, all, ofStore); err != nil {
			return fmt.Errorf("disk %s: %w", d.name(), err)
		}
		if n.formats[d.name()] = n.o.Format; n.o.Format == "" {
			n.formats[d.name()] = spec.Format(n.info, d.was.Key)
		}
	}
	if n.home, err = n.chooseHome(all); err != nil {
		return err
	}
	return n.room()
}

// chooseHome finds where the configuration lies: where it did, else beside the first disk.
func (n *newMachine) chooseHome(all []hyper.Datastore) (*hyper.Datastore, error) {
	var p object.DatastorePath
	p.FromString(n.info.Files.VmPathName)
	c := choice{"datastore", "--storage", n.o.Storage, p.Datastore, machine.ErrNoStorage}
	if c.wanted == "" && len(named(c.was, all, ofStore)) != 1 && len(n.disks) > 0 {
		return n.stores[n.disks[0].name()], nil
	}
	return pick(c, all, ofStore)
}

// room refuses datastores that would run full.
func (n *newMachine) room() error {
	need := map[*hyper.Datastore]int64{}
	for _, d := range n.disks {
		bytes := d.Amount.Data
		if n.formats[d.name()] != spec.Thin {
			bytes = d.Record.Size
		}
		need[n.stores[d.name()]] += bytes
	}
	for _, s := range n.site.Datastores {
		sum := int64(0)
		for d, bytes := range need {
			if d.Ref == s.Ref {
				sum += bytes
			}
		}
		if sum > s.Free {
			return fmt.Errorf("datastore %s: %w: %d bytes are free, %d are needed", s.Name, restore.ErrNoSpace, s.Free, sum)
		}
	}
	return nil
}
