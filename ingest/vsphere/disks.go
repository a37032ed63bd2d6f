package vsphere

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vbfs/hyper/vsphere"
	"vbfs/index/format"
	"vbfs/ingest"
)

// disks describes what the snapshot holds, and what it leaves out.
func (t *taking) disks() {
	all := vsphere.Disks(t.config.Hardware.Device)
	for _, d := range t.m.Disks {
		if leftOut(d) != "" && !slices.ContainsFunc(all, func(s vsphere.Disk) bool { return s.Key == d.Key }) {
			all = append(all, d)
		}
	}
	names, ids := map[string]bool{}, map[string]int{}
	for _, d := range all {
		ids[d.UUID]++
	}
	for _, d := range all {
		if names[d.Name] { // on a controller that nobody knows
			d.Name = fmt.Sprintf("disk-%d", d.Key)
		}
		names[d.Name] = true
		if ids[d.UUID] > 1 {
			d.UUID = "" // it says nothing
		}
		out := t.disk(d, len(t.shot.Disks))
		t.shot.Disks = append(t.shot.Disks, out)
		if out.Skip == "" {
			t.held = append(t.held, d)
		}
	}
}

// sectorSize is what VMware's disks have, in bytes.
const sectorSize = 512

// disk describes the disk at place i of all.
func (t *taking) disk(d vsphere.Disk, i int) ingest.Disk {
	out := ingest.Disk{Name: d.Name, ID: d.UUID, Bus: d.Bus, Format: "vmdk", Logical: sectorSize, Physical: sectorSize, Origin: origin(d)}
	if out.Skip = t.skip(d); out.Skip != "" {
		return out
	}
	out.Tracking, out.Changes, out.Fallback = t.tracked(d)
	out.Open = func(ctx context.Context, changes bool) (ingest.Source, error) {
		src, transport, err := t.open(ctx, d, changes)
		if err != nil {
			return nil, err
		}
		t.shot.Disks[i].Format = "vmdk, by " + transport // what the engine records when the disk is open
		return src, nil
	}
	return out
}

// skip says why a disk is left out. What a snapshot does not hold is worth a warning.
func (t *taking) skip(d vsphere.Disk) string {
	if t.o.Skip != nil {
		if why := t.o.Skip(d.Name); why != "" {
			return why
		}
	}
	why := leftOut(d)
	if why != "" {
		t.shot.Warnings = append(t.shot.Warnings, fmt.Sprintf("disk %s (%s) is not in the point: %s", d.Name, d.Label, why))
	}
	return why
}

// origin is what a disk's change mark is worth something for.
func origin(d vsphere.Disk) string {
	return fmt.Sprintf("%s [%s] deviceKey=%d", d.UUID, d.Datastore, d.Key)
}

// tracked tells the disk's change mark, and whether its changes can be asked for; if not, why, though they are asked for.
func (t *taking) tracked(d vsphere.Disk) (mark string, changes bool, fallback string) {
	now, err := vsphere.ParseMark(d.Mark)
	if err == nil && t.w.Level != ingest.Copy {
		mark = d.Mark
	}
	if t.w.Level != ingest.Inc && t.w.Level != ingest.Diff {
		return mark, false, ""
	}
	why := ""
	if err != nil {
		why = t.untracked(d)
	} else {
		why = t.doubt(d, now)
	}
	return mark, why == "", why
}

func (t *taking) untracked(d vsphere.Disk) string {
	if !t.m.Tracking {
		return "changed block tracking of the machine is off: --enable-cbt switches it on"
	}
	return fmt.Sprintf("VMware keeps no track of this disk (%s)", d.Backing)
}

// doubt says why changes of a disk since the point built upon are not to be asked for.
func (t *taking) doubt(d vsphere.Disk, now vsphere.Mark) string {
	base := t.w.Base
	if base == nil {
		return "no point of the machine has a change mark to count from"
	}
	if id := base.Fact("vsphere-instance"); id != t.m.UUID {
		return fmt.Sprintf("point %s is of another machine, with instance UUID %s", base.Name, id)
	}
	if n := base.Fact("vsphere-snapshots"); n != "0" {
		return fmt.Sprintf("at point %s the machine had snapshots of others (%s), to which it may have been reverted since", base.Name, n)
	}
	if d.UUID == "" {
		return "the disk has no UUID of its own to be known by"
	}
	i := slices.IndexFunc(base.Disks, func(b format.Disk) bool { return b.ID == d.UUID })
	if i < 0 {
		return fmt.Sprintf("point %s does not have the disk", base.Name)
	}
	return doubtDisk(d, now, &base.Disks[i])
}

func doubtDisk(d vsphere.Disk, now vsphere.Mark, b *format.Disk) string {
	old, err := vsphere.ParseMark(b.Tracking)
	switch {
	case !b.HasImage():
		return fmt.Sprintf("the point does not have the disk's bytes: %s", b.Reason)
	case err != nil:
		return "the point has no change mark of the disk"
	case b.Size != d.Capacity:
		return fmt.Sprintf("the disk's size changed from %d to %d bytes", b.Size, d.Capacity)
	case b.Origin != origin(d):
		return fmt.Sprintf("the disk was %s and is %s", b.Origin, origin(d))
	}
	if err := now.Since(old); err != nil {
		return err.Error()
	}
	return ""
}

// base gives the disk as the point built upon has it.
func (t *taking) base(d vsphere.Disk) *format.Disk {
	for i := range t.w.Base.Disks {
		if b := &t.w.Base.Disks[i]; b.ID == d.UUID {
			return b
		}
	}
	return nil
}

// open opens a disk by the first transport that can read it.
func (t *taking) open(ctx context.Context, d vsphere.Disk, changes bool) (_ ingest.Source, by string, err error) {
	var areas []ingest.Extent
	if changes {
		if areas, err = t.changed(ctx, d); err != nil {
			return nil, "", err
		}
	}
	var failed []error
	for _, by := range t.transports() {
		if by == NFC && changes {
			failed = append(failed, errors.New("transport nfc reads whole disks alone"))
			continue
		}
		src, err := t.openBy(ctx, d, by, areas)
		if err == nil {
			return src, by, nil
		}
		if ctx.Err() != nil {
			return nil, "", err
		}
		failed = append(failed, err)
	}
	return nil, "", errors.Join(failed...)
}

// openBy opens a disk of which areas are to be read. nil is: all.
func (t *taking) openBy(ctx context.Context, d vsphere.Disk, by string, areas []ingest.Extent) (ingest.Source, error) {
	switch by {
	case VDDK:
		src, err := t.openVDDK(ctx, d)
		if err == nil && areas != nil {
			src = only{src, areas}
		}
		return src, err
	case HTTPS:
		return t.openRanges(ctx, d, areas)
	case NFC:
		return t.openStream(ctx, d)
	}
	return nil, errors.New("transport " + by + " is not known")
}
