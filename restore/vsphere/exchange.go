package vsphere

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	hyper "vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/spec"
	"vbfs/restore/machine"
)

// exchange brings new files, and puts all of them in place of the machine's together. The old ones go when that is done.
func (old *oldMachine) exchange(ctx context.Context, jobs []*job) error {
	for _, j := range jobs {
		old.undo.Add(func(ctx context.Context) error { return old.discard(ctx, old.spot(j), old.now.Ref, j.file) })
	}
	err := old.each(ctx, jobs, func(ctx context.Context, j *job) (err error) {
		_, err = old.bring(ctx, old.spot(j), j.disk)
		return err
	})
	if err != nil {
		return err
	}
	now, err := old.conn.Machine(ctx, old.now.Ref)
	if err == nil {
		err = idle(now)
	}
	if err == nil {
		err = old.nvram(ctx)
	}
	if err != nil {
		return err
	}
	return old.plug(ctx, jobs)
}

// plug has the machine use the new files.
func (old *oldMachine) plug(ctx context.Context, jobs []*job) error {
	var before, after []*types.VirtualDisk
	for _, j := range jobs {
		d := old.now.Device(j.to.Key)
		if d == nil {
			return fmt.Errorf("disk %s: %w: it is no ordinary disk", j.disk.Record.Name, ErrRefused)
		}
		before, after = append(before, cleared(d)), append(after, replaced(d, j.file, formatOf(j.to)))
	}
	old.undo.Add(func(ctx context.Context) error { return old.conn.Plug(ctx, old.now.Ref, before) })
	if err := old.conn.Plug(ctx, old.now.Ref, after); err != nil {
		return err
	}
	now, err := old.conn.Machine(ctx, old.now.Ref)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		i := slices.IndexFunc(now.Disks, func(d hyper.Disk) bool { return d.File == j.file })
		if i < 0 || has(now, j.to.File) || now.Disks[i].Name != j.to.Name || now.Disks[i].Capacity != j.to.Capacity {
			return fmt.Errorf("disk %s: %w: the machine does not have %s in place of %s", j.disk.Record.Name, hyper.ErrLease, j.file, j.to.File)
		}
		j.done = restored(j.disk, &now.Disks[i], machine.Replaced)
		j.done.Written = j.disk.Amount.Data
	}
	return nil
}

// cleared is a disk's device, to be plugged in again: of what its file stands on, and of its changes, the file knows.
func cleared(d *types.VirtualDisk) *types.VirtualDisk {
	c := *d
	switch b := d.Backing.(type) {
	case *types.VirtualDiskFlatVer2BackingInfo:
		backing := *b
		backing.Parent, backing.ChangeId, backing.ContentId = nil, "", ""
		c.Backing = &backing
	case *types.VirtualDiskSeSparseBackingInfo:
		backing := *b
		backing.Parent, backing.ChangeId, backing.ContentId = nil, "", ""
		c.Backing = &backing
	}
	return &c
}

// replaced is the device with another file, and the rest as it was.
func replaced(d *types.VirtualDisk, file, format string) *types.VirtualDisk {
	c, b := *d, backing(file, format)
	switch was := d.Backing.(type) {
	case *types.VirtualDiskFlatVer2BackingInfo:
		b.DiskMode, b.WriteThrough, b.Sharing = was.DiskMode, was.WriteThrough, was.Sharing
	case *types.VirtualDiskSeSparseBackingInfo:
		b.DiskMode, b.WriteThrough = was.DiskMode, was.WriteThrough
	}
	c.Backing, c.VDiskId, c.DiskObjectId = b, nil, ""
	return &c
}

// ours is what was added to a file's name by an earlier restore, or by a snapshot.
var ours = regexp.MustCompile(`(-vbfs-[0-9a-f]{8}|-[0-9]{6})*\.vmdk$`)

// beside is a name beside a disk's file, of its own.
func beside(file string) string {
	return ours.ReplaceAllString(file, "") + "-vbfs-" + random() + ".vmdk"
}

// spot is where the disk in place of one is brought to.
func (old *oldMachine) spot(j *job) spot {
	at := spot{
		host: old.now.Host, store: j.to.Datastore, whose: old.now.UUID, file: j.file, format: formatOf(j.to), bus: j.to.Bus,
		hardware: old.now.Hardware,
	}
	if old.now.Folder != nil {
		at.folder = *old.now.Folder
	}
	if old.now.Pool != nil {
		at.pool = *old.now.Pool
	}
	return at
}

// settle removes what was replaced: no error of it makes the restore a failure.
func (old *oldMachine) settle(ctx context.Context, jobs []*job) {
	for _, j := range jobs {
		switch {
		case j.file == "":
		case j.to.Delta:
			old.note("%s, which was replaced, is left: other machines may stand on its files", j.to.File)
		default:
			if err := old.discard(context.WithoutCancel(ctx), old.spot(j), old.now.Ref, j.to.File); err != nil {
				old.note("what was replaced is left: %v", err)
			}
		}
	}
	if old.library {
		return
	}
	if strings.EqualFold(spec.Extra(old.now.Config, "disk.EnableUUID"), "TRUE") {
		old.note("its guest sees the UUIDs of its disks, and new files have new ones")
	}
}
