package vsphere

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// An Area is a run of bytes of a disk.
type Area struct{ Off, Len int64 }

// Allocated asks Changes, in place of a mark, for all that is in use. Only some datastores know, and what is known of a disk depends on when
// its tracking was switched on: a hint.
const Allocated = "*"

// maxAreas is how many areas are kept apart: beyond, those that lie close are joined, which only means to read more.
const maxAreas = 1 << 20

// A Query asks for the changes of one disk.
type Query struct {
	Machine, Snapshot Ref   // no Snapshot is: up to now, of a machine that is off
	Key               int32 // of the disk's device
	Capacity          int64 // bytes
	Mark              string
}

// Changes gives what changed on a disk between a mark and a snapshot: ordered, apart, inside of the disk. It asks again from where each
// answer ends, for one tells of no more than some 2,000 areas, until the disk's end. An answer without areas is an answer. What
// does not add up is ErrAreas, a mark that the server does not take ErrMark.
func (c *Conn) Changes(ctx context.Context, q Query) ([]Area, error) {
	var all areas
	var snapshot *Ref
	if q.Snapshot != (Ref{}) {
		snapshot = &q.Snapshot
	}
	for off := int64(0); off < q.Capacity; {
		answer, err := methods.QueryChangedDiskAreas(ctx, c.vim, &types.QueryChangedDiskAreas{
			This: q.Machine, Snapshot: snapshot, DeviceKey: q.Key, StartOffset: off, ChangeId: q.Mark,
		})
		if err != nil {
			return nil, markError(translate(err))
		}
		if off, err = all.take(&answer.Returnval, off, q.Capacity); err != nil {
			return nil, err
		}
	}
	return all.list, nil
}

// markError tells the errors that are about the mark.
func markError(err error) error {
	var f *Fault
	if errors.As(err, &f) && f.is == nil {
		switch f.Kind {
		case "FileFault", "InvalidArgument", "NotFound", "SystemError", "GenericVmConfigFault":
			return fmt.Errorf("%w: %w", ErrMark, err)
		}
	}
	return fmt.Errorf("ask for changes: %w", err)
}

// areas are joined as they come.
type areas struct {
	list []Area
	gap  int64 // bytes: areas no farther apart become one
}

// take checks the answer to a query from off on, and gives where the next one begins.
func (a *areas) take(d *types.DiskChangeInfo, off, capacity int64) (next int64, err error) {
	if d.StartOffset != off || d.Length <= 0 || d.Length > capacity-off {
		return 0, fmt.Errorf("%w: asked from %d of %d, told of %d bytes at %d", ErrAreas, off, capacity, d.Length, d.StartOffset)
	}
	next = off + d.Length
	slices.SortFunc(d.ChangedArea, func(a, b types.DiskChangeExtent) int { return int(min(max(a.Start-b.Start, -1), 1)) })
	end := off
	for _, e := range d.ChangedArea {
		if e.Start < end || e.Length <= 0 || e.Length > next-e.Start {
			return 0, fmt.Errorf("%w: %d bytes at %d, in an answer for %d to %d, after what ends at %d", ErrAreas, e.Length, e.Start, off, next, end)
		}
		end = e.Start + e.Length
		a.add(Area{e.Start, e.Length})
	}
	return next, nil
}

// add appends an area, or lets the last one grow.
func (a *areas) add(e Area) {
	if n := len(a.list); n > 0 && e.Off-(a.list[n-1].Off+a.list[n-1].Len) <= a.gap {
		a.list[n-1].Len = e.Off + e.Len - a.list[n-1].Off
		return
	}
	if a.list = append(a.list, e); len(a.list) > maxAreas {
		a.coarsen()
	}
}

// coarsen joins what lies close, until half of the room is free.
func (a *areas) coarsen() {
	for a.gap = max(a.gap, 64<<10); len(a.list) > maxAreas/2; a.gap *= 2 {
		old := a.list
		a.list = old[:0]
		for _, e := range old {
			a.add(e)
		}
	}
}
