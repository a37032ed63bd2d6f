package index

import (
	"context"
	"errors"
	"fmt"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/imagemap"
	"vbfs/index/object"
)

// condemned is W2: it gives the numbers of the disks that name what is gone or about to go. What is inherited from a base
// that is still there passes: it was there at every mark, too.
func (w *Writer) condemned(ctx context.Context) (disks []int, err error) {
	g, err := w.repo.gone(ctx)
	if err != nil || g.none() {
		return nil, err
	}
	w.found.avoid(g)
	safe, err := w.baseIsThere(ctx)
	if err != nil {
		return nil, err
	}
	for i := range w.Manifest.Disks {
		hit, err := w.namesGone(ctx, &w.Manifest.Disks[i], g, safe)
		if err != nil {
			return nil, err
		}
		if hit {
			disks = append(disks, i)
		}
	}
	return disks, nil
}

// baseIsThere tells whether all that disks inherit is of the base, and that has not been forgotten.
func (w *Writer) baseIsThere(ctx context.Context) (bool, error) {
	if w.base == nil || w.strangers {
		return false, nil
	}
	_, err := w.repo.store.Stat(ctx, pointName(w.repo.ring.Tag(w.base.Machine), w.base.Point))
	if errors.Is(err, object.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

var errGone = errors.New("names what is gone")

// namesGone walks a disk's new map: of what it shares with a base that is there, only the pointers.
func (w *Writer) namesGone(ctx context.Context, d *format.Disk, g *gone, safe bool) (bool, error) {
	if !d.HasImage() {
		return false, nil
	}
	im, err := w.repo.image(&w.Manifest, d, w.repo.maps)
	if err != nil {
		return false, err
	}
	visit := func(_ uint8, _ int64, c format.Child) (bool, error) {
		own := w.tree.owns(c.At.Pack)
		if !own && safe {
			return false, nil
		}
		if !own && g.has(c.At) {
			return false, errGone
		}
		return true, nil
	}
	run := func(run imagemap.Run) error {
		if g.hasAny(run) {
			return errGone
		}
		return nil
	}
	err = im.tree.Walk(ctx, visit, run)
	if errors.Is(err, errGone) || errors.Is(err, ErrCorrupt) {
		return true, nil
	}
	return false, err
}

// restock makes a disk's map anew: blocks that are condemned are stored again while they can still be read. ErrCollected
// when they cannot.
func (w *Writer) restock(ctx context.Context, d *format.Disk) error {
	im, err := w.repo.image(&w.Manifest, d, w.repo.maps)
	if err != nil {
		return err
	}
	k, err := w.Worker()
	if err != nil {
		return err
	}
	dw := newDiskWriter(w, *d, nil, false)
	for i := range dw.Leaves() {
		if err = k.restockLeaf(ctx, dw, im, i); err != nil {
			break
		}
	}
	if err = errors.Join(err, k.Close()); err != nil {
		if errors.Is(err, ErrCorrupt) {
			err = fmt.Errorf("disk %s: %w: %w", d.Name, ErrCollected, err)
		}
		return err
	}
	now, err := dw.finish(ctx)
	if err != nil {
		return err
	}
	d.Root = now.Root
	d.New, d.Stored = d.New+now.New, d.Stored+now.Stored
	return nil
}

// restockLeaf copies a leaf into a new map.
func (k *Worker) restockLeaf(ctx context.Context, dw *DiskWriter, from *Image, i int64) error {
	old, err := from.tree.Leaf(ctx, i)
	if err != nil {
		return err
	}
	l, err := k.Leaf(ctx, dw, i)
	if err != nil {
		return err
	}
	for _, r := range old.Runs {
		if r.Kind == format.Zero {
			if err := l.Zero(ctx, block.Range{First: l.first + int64(r.First), N: int64(r.N)}); err != nil {
				return err
			}
		}
		for n := r.First; r.Kind == format.Data && n < r.First+r.N; n++ {
			if err := l.keep(ctx, l.first+int64(n), r.Address(n)); err != nil {
				return err
			}
		}
	}
	return l.Done(ctx)
}

// keep takes over a block from where it lies, or stores it again when it must not be named any more.
func (l *LeafWriter) keep(ctx context.Context, n int64, at format.Address) error {
	if l.k.w.found.gone.has(at) {
		b, err := l.k.w.repo.packs.Block(ctx, at)
		if err != nil {
			return err
		}
		return l.Put(ctx, n, b)
	}
	id, err := l.k.w.repo.blockID(ctx, at)
	if err != nil {
		return err
	}
	l.k.edit.Set(int(n-l.first), at)
	l.digest = l.digest.Add(l.k.digests.Term(n, id))
	return nil
}
