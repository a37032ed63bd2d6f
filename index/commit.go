package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/table"
)

// Commit makes the point exist, in the order in which it must be right. Workers have to be closed before. After an error
// the point does not exist, and Abort cleans up. What could not be tidied up once the point existed is a warning of the
// manifest that it returns.
func (w *Writer) Commit(ctx context.Context) (*format.Manifest, error) {
	if err := w.Finish(ctx); err != nil {
		return nil, err
	}
	if err := w.settle(ctx); err != nil {
		return nil, err
	}
	// W3: the point exists.
	r, m := w.repo, &w.Manifest
	if err := r.putPoint(ctx, m); err != nil {
		return nil, err
	}
	w.end()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	if err := errors.Join(r.dropSession(ctx, m.Point), r.mergeTable(ctx)); err != nil {
		m.Warnings = append(m.Warnings, fmt.Sprintf("not tidied up: %v", err))
	}
	return m, nil
}

// settleTries bounds how often blocks are stored again: every further time needs a further collection.
const settleTries = 5

// settle repeats W1 and W2 until nothing that the point names is about to be collected.
func (w *Writer) settle(ctx context.Context) error {
	for try := 1; ; try++ {
		if err := w.lieAside(ctx); err != nil {
			return err
		}
		hit, err := w.condemned(ctx)
		if err != nil || len(hit) == 0 {
			return err
		}
		if try == settleTries {
			return ErrCollected
		}
		for _, i := range hit {
			if err := w.restock(ctx, &w.Manifest.Disks[i]); err != nil {
				return err
			}
		}
		if err := w.repo.store.Delete(ctx, pendingName(w.Manifest.Point)); err != nil {
			return fmt.Errorf("replace pending point: %w", err)
		}
	}
}

// lieAside is W1: what the manifest names is durable, then the manifest lies aside.
func (w *Writer) lieAside(ctx context.Context) error {
	if err := w.tree.seal(); err != nil {
		return err
	}
	if err := w.found.settle(); err != nil {
		return err
	}
	if err := w.spill(); err != nil {
		return err
	}
	if err := w.repo.put(ctx, format.KindPending, pendingName(w.Manifest.Point), &w.Manifest); err != nil {
		return fmt.Errorf("store pending point: %w", err)
	}
	return nil
}

// Finish completes the manifest's records of disks, in order of their names, so that the owner can go by what they say.
// No disk can be begun any more. Commit does it when the owner did not.
func (w *Writer) Finish(ctx context.Context) error {
	if w.ended || w.open > 0 {
		return errors.New("end of a point whose workers are not closed, or that has ended")
	}
	for _, d := range w.disks {
		record, err := d.finish(ctx)
		if err != nil {
			return err
		}
		w.Manifest.Disks = append(w.Manifest.Disks, record)
	}
	w.disks = nil
	slices.SortFunc(w.Manifest.Disks, func(a, b format.Disk) int { return strings.Compare(a.Name, b.Name) })
	if w.Manifest.End.IsZero() { // else it is a copy's
		w.Manifest.End = time.Now().UTC()
	}
	return w.Manifest.Validate()
}

// spill writes the table segment of what is new, with the point's summary for the catalog.
func (w *Writer) spill() error {
	m := &w.Manifest
	if w.repo.table == nil {
		return nil
	}
	sealed := w.repo.ring.SealSummary(m.Point, m.Summary().Marshal())
	return w.repo.spill(0, w.tree.named(), []table.Point{{ID: m.Point, Sealed: sealed}})
}

// putPoint puts the manifest in its place. When the answer is lost, the object itself tells what happened; but one that
// is there and may go again with the next power cut is no success.
func (r *Repository) putPoint(ctx context.Context, m *format.Manifest) error {
	name := pointName(r.ring.Tag(m.Machine), m.Point)
	b, err := r.ring.Seal(format.KindManifest, name, m.Marshal())
	if err != nil {
		return err
	}
	err = object.PutBytes(ctx, r.store, name, b)
	if err == nil {
		return nil
	}
	if errors.Is(err, object.ErrUnsynced) {
		return fmt.Errorf("store point: %w", err)
	}
	there, getErr := object.GetAll(context.WithoutCancel(ctx), r.store, name, format.MaxSealed)
	switch {
	case getErr == nil && bytes.Equal(there, b):
		return nil
	case getErr == nil:
		return fmt.Errorf("%s@%s: %w", m.MachineName, m.Name, ErrBroken)
	}
	return fmt.Errorf("store point: %w", err)
}

// mergeTable keeps the number of segments small.
func (r *Repository) mergeTable(ctx context.Context) error {
	if r.table == nil {
		return nil
	}
	return r.table.Merge(ctx, table.Keep{})
}
