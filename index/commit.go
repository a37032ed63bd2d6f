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
	if w.ended || w.open > 0 {
		return nil, errors.New("commit of a point whose workers are not closed, or that has ended")
	}
	if err := w.finishDisks(ctx); err != nil {
		return nil, err
	}
	// W1: what the manifest names is durable, then the manifest lies aside.
	if err := w.tree.seal(); err != nil {
		return nil, err
	}
	if err := w.spill(); err != nil {
		return nil, err
	}
	r, m := w.repo, &w.Manifest
	pending := pendingName(m.Point)
	if err := r.put(ctx, format.KindPending, pending, m.Marshal()); err != nil {
		return nil, fmt.Errorf("store pending point: %w", err)
	}
	// W2: nothing that it names is about to be collected.
	if err := r.noCollection(ctx); err != nil {
		return nil, err
	}
	// W3: the point exists.
	if err := r.putPoint(ctx, m); err != nil {
		return nil, err
	}
	w.ended = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	if err := errors.Join(r.dropSession(ctx, m.Point), r.mergeTable(ctx)); err != nil {
		m.Warnings = append(m.Warnings, fmt.Sprintf("not tidied up: %v", err))
	}
	return m, nil
}

// finishDisks completes the records of the disks, in order of their names.
func (w *Writer) finishDisks(ctx context.Context) error {
	for _, d := range w.disks {
		record, err := d.finish(ctx)
		if err != nil {
			return err
		}
		w.Manifest.Disks = append(w.Manifest.Disks, record)
	}
	w.disks = nil
	slices.SortFunc(w.Manifest.Disks, func(a, b format.Disk) int { return strings.Compare(a.Name, b.Name) })
	w.Manifest.End = time.Now().UTC()
	return w.Manifest.Validate()
}

// spill writes the table segment of what is new, with the point's summary for the catalog.
func (w *Writer) spill() error {
	m := &w.Manifest
	sealed := w.repo.ring.SealSummary(m.Point, m.Summary().Marshal())
	w.found.mu.Lock()
	defer w.found.mu.Unlock()
	return w.found.spill(w.tree.sealed, []table.Point{{ID: m.Point, Sealed: sealed}})
}

func (r *Repository) put(ctx context.Context, k format.Kind, name string, body []byte) error {
	b, err := r.ring.Seal(k, name, body)
	if err != nil {
		return err
	}
	return object.PutBytes(ctx, r.store, name, b)
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

// noCollection refuses to write beside a collection of a kind that this release does not know: it could not tell which
// blocks are about to go.
func (r *Repository) noCollection(ctx context.Context) error {
	for info, err := range r.store.List(ctx, gcFolder) {
		if err != nil {
			return fmt.Errorf("list collections: %w", err)
		}
		return fmt.Errorf("%s: a collection is under way: %w", info.Name, ErrNewer)
	}
	return nil
}

// mergeTable keeps the number of segments small.
func (r *Repository) mergeTable(ctx context.Context) error {
	if r.table == nil {
		return nil
	}
	return r.table.Merge(ctx, table.Keep{})
}
