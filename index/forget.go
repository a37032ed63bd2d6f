package index

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"vbfs/index/format"
	"vbfs/index/object"
)

// Forget takes points out of the repository: their manifests, and then their notes. What they alone named stays until it
// is collected. ErrProtected refuses all of them when one is protected, ErrAppendOnly when the storage is known not to let one
// go; one that is gone already is no error. Nothing has to be written, so that a full store is no hindrance.
func (r *Repository) Forget(ctx context.Context, points ...*format.Manifest) error {
	if err := collectable(ctx, r.store); err != nil {
		return err
	}
	facts, err := r.Notes(ctx)
	if err != nil {
		return err
	}
	for _, p := range points {
		if facts[p.Point].Protected {
			return fmt.Errorf("%s@%s: %w", p.MachineName, p.Name, ErrProtected)
		}
	}
	if err := r.mayForget(ctx, points); err != nil {
		return err
	}
	g, ctxOfAll := errgroup.WithContext(ctx)
	g.SetLimit(deleteAtOnce)
	for _, p := range points {
		g.Go(func() error {
			if err := ignoreMissing(r.store.Delete(ctxOfAll, pointName(r.ring.Tag(p.Machine), p.Point))); err != nil {
				return fmt.Errorf("forget %s@%s: %w", p.MachineName, p.Name, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return r.sweepNotes(ctx)
}

// deleteAtOnce is how many deletions go on at once: each waits for the storage, which makes many durable in one go, and
// they have no order.
const deleteAtOnce = 64

// mayForget refuses when a manifest, or a note that goes with it, cannot be deleted.
func (r *Repository) mayForget(ctx context.Context, points []*format.Manifest) error {
	for _, p := range points {
		notes, err := r.listNotes(ctx, noteFolder(p.Point))
		if err != nil {
			return err
		}
		names := []string{pointName(r.ring.Tag(p.Machine), p.Point)}
		for _, ref := range notes {
			names = append(names, ref.name)
		}
		if err := mayDelete(ctx, r.store, names...); err != nil {
			return fmt.Errorf("forget %s@%s: %w", p.MachineName, p.Name, err)
		}
	}
	return nil
}

// sweepNotes deletes the notes of points that are gone, also of those whose Forget was interrupted. Notes are listed
// first: whose note there is was committed before.
func (r *Repository) sweepNotes(ctx context.Context) error {
	notes, err := r.listNotes(ctx, notesFolder)
	if err != nil || len(notes) == 0 {
		return err
	}
	there := map[format.UUID]bool{}
	for info, err := range r.store.List(ctx, pointsFolder) {
		if err != nil {
			return fmt.Errorf("list points: %w", err)
		}
		id, err := parsePointName(info.Name)
		if err != nil {
			return fmt.Errorf("%s: %w", info.Name, err)
		}
		there[id] = true
	}
	for _, ref := range notes {
		if there[ref.point] {
			continue
		}
		if err := r.store.Delete(ctx, ref.name); err != nil && !errors.Is(err, object.ErrNotExist) {
			return fmt.Errorf("drop a note of a forgotten point: %w", err)
		}
	}
	return nil
}
