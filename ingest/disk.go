package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vbfs/index"
	"vbfs/index/format"
)

// disk captures one disk: by its changes when that can be, else in full, and in full again when the parent turns out not
// to be fit to build upon, or the changes not to be all.
func (r *run) disk(ctx context.Context, d *Disk) error {
	parent, why := r.parentOf(d)
	changes, fallback := r.byChanges(d, parent, why)
	err := r.capture(ctx, d, parent, changes, fallback)
	var lie *lieError
	switch {
	case changes && errors.Is(err, index.ErrParent):
		return r.capture(ctx, d, parent, false, fmt.Sprintf("the parent is damaged: %v", err))
	case changes && errors.As(err, &lie):
		r.distrust(lie)
		return r.capture(ctx, d, parent, false, lie.Error())
	}
	return err
}

// parentOf gives the disk's image in the newest point, or says why there is none.
func (r *run) parentOf(d *Disk) (*index.Image, string) {
	if r.parent == nil {
		return nil, "no complete point of the machine"
	}
	for i := range r.parent.Disks {
		p := &r.parent.Disks[i]
		if p.ID != d.id() {
			continue
		}
		if !p.HasImage() {
			return nil, fmt.Sprintf("the newest point does not have the disk: %s (%s)", p.State, p.Reason)
		}
		im, err := r.repo.Image(r.parent, p.Name)
		if err != nil {
			return nil, err.Error()
		}
		return im, ""
	}
	return nil, "the newest point does not have the disk"
}

func (d *Disk) id() string {
	if d.ID != "" {
		return d.ID
	}
	return d.Name
}

// byChanges decides whether only changes are read; fallback says why not although they are tracked.
func (r *run) byChanges(d *Disk, parent *index.Image, why string) (changes bool, fallback string) {
	switch {
	case r.w.Manifest.Done == Full || r.w.Manifest.Done == Copy:
		return false, ""
	case d.Fallback != "":
		return false, d.Fallback
	case !d.Changes:
		return false, ""
	case parent == nil:
		return false, why
	}
	why = r.doubt()
	return why == "", why
}

// doubt says why no change tracking is believed any more, or "".
func (r *run) doubt() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.distrusted
}

// capture opens the source and reads it. When the tracking cannot be used after all, everything is read.
func (r *run) capture(ctx context.Context, d *Disk, parent *index.Image, changes bool, fallback string) error {
	src, err := d.Open(ctx, changes)
	if changes && err != nil && ctx.Err() == nil {
		return r.capture(ctx, d, parent, false, err.Error())
	}
	if err != nil {
		r.without(d, format.DiskFailed, err.Error())
		return sourceError(err, "open")
	}
	defer src.Close()
	if changes && src.Size() != parent.Size() {
		src.Close()
		return r.capture(ctx, d, parent, false, fmt.Sprintf("the disk's size changed from %d to %d bytes", parent.Size(), src.Size()))
	}
	dw, err := r.w.Disk(r.record(d, src.Size(), fallback), parent, changes)
	if err != nil {
		return err
	}
	if err := r.read(ctx, dw, src, changes); err != nil {
		if again(err) {
			r.mu.Lock()
			r.drop(d, dw)
			r.mu.Unlock()
		} else {
			dw.Fail(err.Error())
		}
		return err
	}
	if changes {
		if err := r.believed(d, dw); err != nil {
			return err
		}
	}
	r.after(d)
	return nil
}

// again tells whether an error of reading changes means that the disk is to be read in full.
func again(err error) bool {
	var lie *lieError
	return errors.Is(err, index.ErrParent) || errors.As(err, &lie)
}

func (r *run) record(d *Disk, size int64, fallback string) format.Disk {
	r.mu.Lock()
	defer r.mu.Unlock()
	return format.Disk{
		ID: d.id(), Name: d.Name, Bus: d.Bus, Size: size, Logical: d.Logical, Physical: d.Physical, Source: d.Format,
		Origin: d.Origin, Tracking: d.Tracking, Fallback: fallback, Audited: r.audited[d],
	}
}

// without records a disk of which the point has no bytes, not even their number.
func (r *run) without(d *Disk, state, reason string) {
	record := r.record(d, 0, "")
	r.mu.Lock()
	defer r.mu.Unlock()
	record.State, record.Reason = state, reason
	r.w.Manifest.Disks = append(r.w.Manifest.Disks, record)
}

// after asks whether the source held still.
func (r *run) after(d *Disk) {
	if d.After == nil {
		return
	}
	if why := d.After(); why != "" {
		r.mu.Lock()
		defer r.mu.Unlock()
		m := &r.w.Manifest
		m.Consistency = None
		warning := fmt.Sprintf("disk %s: %s", d.Name, why)
		if !slices.Contains(m.Warnings, warning) { // a disk may be read twice
			m.Warnings = append(m.Warnings, warning)
		}
	}
}
