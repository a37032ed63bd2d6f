package vmware

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/restore"
	"vbfs/restore/machine"
	"vbfs/restore/vmdk"
)

// A job is a disk on its way.
type job struct {
	disk machine.Disk
	file string // of the descriptor, or of all of it
	done *restore.Progress
	sum  hash.Hash // of a streamOptimized one
	size int64     // of it, bytes
}

// plan names the disks' files as VMware does: NAME.vmdk, NAME_1.vmdk, …; those of an OVF NAME-disk1.vmdk, ….
func (n *newMachine) plan() {
	disks := slices.Clone(n.m.Disks)
	slices.SortStableFunc(disks, func(a, b machine.Disk) int { return n.rank(a.Record.Name) - n.rank(b.Record.Name) })
	for i, d := range disks {
		j := &job{disk: d, file: n.base + ".vmdk", done: n.o.Progress.Disk()}
		if i > 0 {
			j.file = fmt.Sprintf("%s_%d.vmdk", n.base, i)
		}
		if n.o.Format == StreamOptimized {
			j.file = fmt.Sprintf("%s-disk%d.vmdk", n.base, i+1)
		}
		n.jobs = append(n.jobs, j)
	}
}

// rank orders the disks as the machine has them. In a recorded .vmx, what VMware's own assistant begins with is first.
func (n *newMachine) rank(disk string) int {
	if n.hw == nil {
		kind := strings.TrimRight(strings.SplitN(disk, "-", 2)[0], "0123456789")
		return slices.Index([]string{"scsi", "nvme", "sata", "ide"}, kind)
	}
	return slices.IndexFunc(n.hw.Config.Hardware.Device, func(d types.BaseVirtualDevice) bool {
		key, ok := n.hw.Disks[disk]
		return ok && d.GetVirtualDevice().Key == key
	})
}

// disks writes them, one after the other: each of them keeps all hands busy.
func (n *newMachine) disks(ctx context.Context) error {
	for _, j := range n.jobs {
		fill := n.fill
		if n.o.Format == StreamOptimized {
			fill = n.stream
		}
		if err := fill(ctx, j); err != nil {
			return fmt.Errorf("disk %s: %w", j.disk.Record.Name, err)
		}
	}
	return nil
}

// meta is what the disk's descriptor says: what the recorded one said, as far as it is so.
func (n *newMachine) meta(j *job) vmdk.Meta {
	m := vmdk.Meta{Name: j.file}
	for i := range n.m.Point.Configs {
		if c := &n.m.Point.Configs[i]; c.Kind == kindDescriptor && c.Name == j.disk.Record.Name+".vmdk" {
			m.Base = vmdk.Recorded(c.Data)
		}
	}
	if n.fresh {
		m.Base = m.Base.With("uuid", "")
	}
	return m
}

// fill writes a disk that a machine runs from.
func (n *newMachine) fill(ctx context.Context, j *job) error {
	t, err := n.open(j)
	if err != nil {
		return err
	}
	return restore.Copy(ctx, j.disk.Image, t, restore.Options{Workers: n.o.Workers, Verify: n.o.Verify, Progress: j.done})
}

func (n *newMachine) open(j *job) (restore.Target, error) {
	dir, spec := n.folder.path(), restore.Spec{Size: j.disk.Image.Size(), Data: j.disk.Amount.Data}
	if n.o.Format == TwoGBSparse {
		t, err := vmdk.OpenPieces(dir, n.meta(j), spec)
		if err != nil {
			return nil, err
		}
		return t, nil
	}
	t, err := vmdk.OpenFlat(dir, n.meta(j), spec, n.o.Format == Thin)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// stream writes a disk of an OVF.
func (n *newMachine) stream(ctx context.Context, j *job) error {
	path := filepath.Join(n.folder.path(), j.file)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	j.sum = sha256.New()
	o := vmdk.StreamOptions{Meta: n.meta(j), Workers: n.o.Workers, Progress: j.done}
	o.Base = o.Base.With("thinProvisioned", "")
	if err := vmdk.Stream(ctx, io.MultiWriter(f, j.sum), j.disk.Image, o); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	j.size = info.Size()
	if !n.o.Verify {
		return nil
	}
	return n.reread(ctx, j, path)
}

// reread compares what QEMU finds in the file.
func (n *newMachine) reread(ctx context.Context, j *job, path string) error {
	r, err := vmdk.Read(ctx, path)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	defer r.Close()
	return restore.Verify(ctx, j.disk.Image, r, restore.Options{Workers: n.o.Workers, Progress: j.done})
}

func (j *job) restored(n *newMachine) machine.Restored {
	how := machine.Made
	if n.folder.old {
		how = machine.Replaced
	}
	return machine.Restored{
		Name: j.disk.Record.Name, Path: n.final(j.file), Format: n.o.Format, Size: j.disk.Record.Size, Data: j.disk.Amount.Data,
		Written: j.done.Data.Load() + j.done.Zero.Load(), How: how,
	}
}
