package libvirt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"libvirt.org/go/libvirtxml"

	"vbfs/hyper/qemu"
	"vbfs/restore/machine"
	"vbfs/restore/stage"
)

// match finds the machine's disk for each of the point's, and how it is to be written.
func (old *oldMachine) match(ctx context.Context) (jobs []*job, err error) {
	for _, d := range old.m.Disks {
		j, err := old.matchDisk(ctx, d)
		if err != nil {
			return nil, fmt.Errorf("disk %s: %w", d.Record.Name, err)
		}
		jobs = append(jobs, j)
	}
	if err := room(jobs); err != nil || old.m.Alone {
		return jobs, err
	}
	for i := range old.now.Devices.Disks {
		disk := &old.now.Devices.Disks[i]
		if disk.Device == "cdrom" || disk.Device == "floppy" {
			continue
		}
		if r, ok := old.m.Point.Disk(target(disk)); !ok || !r.HasImage() {
			old.note("%s stays as it is: the point has no image of it", target(disk))
		}
	}
	return jobs, nil
}

func (old *oldMachine) note(format string, args ...any) {
	old.notes = append(old.notes, fmt.Sprintf(format, args...))
}

func (old *oldMachine) matchDisk(ctx context.Context, d machine.Disk) (*job, error) {
	disk := old.disk(d.Record.Name)
	switch {
	case disk == nil:
		return nil, fmt.Errorf("%w: %s has none of that name", machine.ErrOther, old.domain.Name())
	case disk.Device == "cdrom" || disk.Device == "floppy":
		return nil, fmt.Errorf("%w: %s has a drive of that name", machine.ErrOther, old.domain.Name())
	case encrypted(disk):
		return nil, fmt.Errorf("%w: it is encrypted, and would be restored in the clear", machine.ErrOther)
	}
	to := file{format: qemu.Raw}
	if disk.Driver != nil && disk.Driver.Type != "" {
		to.format = disk.Driver.Type
	}
	var err error
	if to.path, err = old.path(ctx, disk); err != nil {
		return nil, err
	}
	j := &job{disk: d, to: to, how: machine.Replaced}
	info, err := os.Stat(to.path)
	if errors.Is(err, fs.ErrNotExist) && writable(to.format) {
		j.how = machine.Made
		return j, nil
	}
	if err != nil {
		return nil, err
	}
	if err := j.inspect(ctx); err != nil {
		return nil, err
	}
	if old.o.Delta || !info.Mode().IsRegular() || len(j.chain) > 1 || len(j.chain[0].DataFiles) > 0 || !writable(to.format) {
		j.how = machine.InPlace
	}
	return j, nil
}

// writable tells of which formats new images are made.
func writable(format string) bool { return format == qemu.Raw || format == qemu.QCow2 }

// disk finds a disk of the machine by its target, nil if there is none.
func (old *oldMachine) disk(name string) *libvirtxml.DomainDisk {
	for i := range old.now.Devices.Disks {
		if disk := &old.now.Devices.Disks[i]; target(disk) == name {
			return disk
		}
	}
	return nil
}

// path is where a disk lies on this host.
func (old *oldMachine) path(ctx context.Context, disk *libvirtxml.DomainDisk) (string, error) {
	switch s := disk.Source; {
	case s == nil:
		return "", fmt.Errorf("%w: it is an empty drive", machine.ErrOther)
	case s.Volume != nil:
		return old.conn.VolumePath(ctx, s.Volume.Pool, s.Volume.Volume)
	case s.File == nil && s.Block == nil:
		return "", fmt.Errorf("%w: it lies neither in a file nor on a block device of this host", machine.ErrOther)
	}
	return place(disk), nil
}

// inspect holds an image against what is to be written to it.
func (j *job) inspect(ctx context.Context) error {
	lock, err := qemu.Lock(j.to.path)
	if err != nil {
		return err
	}
	defer lock.Close()
	if j.chain, err = qemu.Chain(ctx, qemu.Image{Path: j.to.path, Format: j.to.format}); err != nil {
		return err
	}
	want := (j.disk.Record.Size + 511) &^ 511 // formats have whole sectors
	switch info := j.chain[0]; {
	case info.VirtualSize != want && info.VirtualSize != j.disk.Record.Size:
		return fmt.Errorf("%w: %s has %d bytes, the point's %d", machine.ErrOther, j.to.path, info.VirtualSize, j.disk.Record.Size)
	case len(info.Snapshots) > 0:
		return fmt.Errorf("%w: %s has %s: `qemu-img snapshot -d` removes them", machine.ErrSnapshots, j.to.path, list(info.Snapshots))
	}
	return nil
}

// openJob opens a disk's target, and gives the lock on the image that is to be replaced, if there is one.
func (old *oldMachine) openJob(ctx context.Context, j *job) (lock io.Closer, err error) {
	switch {
	case j.how == machine.InPlace && old.o.Delta:
		name, why := bitmap(old.m.Point, j.disk.Record, j.chain)
		more, err := openDelta(ctx, j, name)
		if why += more; why != "" && err == nil {
			old.note("%s is compared as a whole: %s", j.disk.Record.Name, why)
		}
		return nil, err
	case j.how == machine.InPlace:
		j.target, err = opened(openInPlace(ctx, j.to, ""))
		return nil, err
	case j.how == machine.Replaced:
		if lock, err = qemu.Lock(j.to.path); err != nil {
			return nil, err
		}
	}
	j.target, err = openFile(ctx, j.disk, j.to, j.how == machine.Replaced)
	return lock, err
}

// room tells whether there is space for all new images of a file system together.
func room(jobs []*job) error {
	need := map[uint64]int64{} // by file system
	for _, j := range jobs {
		if j.how == machine.InPlace {
			continue
		}
		dir := filepath.Dir(j.to.path)
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("disk %s: %w", j.disk.Record.Name, err)
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			need[st.Dev] += j.disk.Amount.Data
			if err := stage.CheckSpace(dir, need[st.Dev]); err != nil {
				return err
			}
		}
	}
	return nil
}
