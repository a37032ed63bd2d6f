package vsphere

import (
	"context"
	"errors"
	"fmt"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// MoveDisk gives a disk's files another name on their datastore, and the folder is made if need be: names are "[datastore] folder/name.vmdk".
// The disk must be no machine's. near is an object of the datacenter.
func (c *Conn) MoveDisk(ctx context.Context, near Ref, from, to string) error {
	dc, err := c.datacenterOf(ctx, near)
	if err == nil {
		err = c.makeDirectory(ctx, dc, to)
	}
	if err != nil {
		return fmt.Errorf("move %s to %s: %w", from, to, err)
	}
	r, err := methods.MoveVirtualDisk_Task(ctx, c.vim, &types.MoveVirtualDisk_Task{
		This: *c.vim.ServiceContent.VirtualDiskManager, SourceName: from, SourceDatacenter: &dc, DestName: to, DestDatacenter: &dc,
	})
	if err == nil {
		_, err = c.within(ctx, changeTime, r.Returnval)
	}
	if err != nil {
		return fmt.Errorf("move %s to %s: %w", from, to, translate(err))
	}
	return nil
}

// makeDirectory makes the folder that a file lies in.
func (c *Conn) makeDirectory(ctx context.Context, dc Ref, file string) error {
	var p object.DatastorePath
	if !p.FromString(file) || p.Path == "" {
		return fmt.Errorf("%w: %q is no path of a datastore", ErrFile, file)
	}
	dir, _ := split(p)
	if dir == "["+p.Datastore+"]" {
		return nil
	}
	yes := true
	_, err := methods.MakeDirectory(ctx, c.vim, &types.MakeDirectory{
		This: *c.vim.ServiceContent.FileManager, Name: dir, Datacenter: &dc, CreateParentDirectories: &yes,
	})
	if err = translate(err); faulted(err, "FileAlreadyExists") {
		return nil
	}
	return err
}

// DeleteDisk removes a disk's files. The disk must be no machine's. One that is gone is no error.
func (c *Conn) DeleteDisk(ctx context.Context, near Ref, file string) error {
	dc, err := c.datacenterOf(ctx, near)
	if err != nil {
		return fmt.Errorf("remove %s: %w", file, err)
	}
	r, err := methods.DeleteVirtualDisk_Task(ctx, c.vim, &types.DeleteVirtualDisk_Task{
		This: *c.vim.ServiceContent.VirtualDiskManager, Name: file, Datacenter: &dc,
	})
	if err == nil {
		_, err = c.within(ctx, removeTime, r.Returnval)
	}
	if err = translate(err); err != nil && !faulted(err, "FileNotFound") && !errors.Is(err, ErrGone) {
		return fmt.Errorf("remove %s: %w", file, err)
	}
	return nil
}

// datacenterOf is the datacenter that an object stands in.
func (c *Conn) datacenterOf(ctx context.Context, ref Ref) (Ref, error) {
	t, err := c.above(ctx, ref)
	if err != nil {
		return Ref{}, err
	}
	for r := range t.nodes {
		if r.Type == "Datacenter" {
			return r, nil
		}
	}
	return Ref{}, fmt.Errorf("datacenter of %s: %w: the account may not see it", ref.Value, ErrPrivilege)
}
