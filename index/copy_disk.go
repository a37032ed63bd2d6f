package index

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"

	"golang.org/x/sync/errgroup"

	"vbfs/index/block"
	"vbfs/index/format"
)

// disks copies each disk. Those without an image are copied as records. The workers' packs are durable afterwards: what was
// copied stays, whatever becomes of the point.
func (t *transfer) disks(ctx context.Context) (err error) {
	defer func() {
		for _, k := range t.workers {
			err = errors.Join(err, k.Close())
		}
	}()
	for range runtime.GOMAXPROCS(0) {
		k, err := t.w.Worker()
		if err != nil {
			return err
		}
		t.workers = append(t.workers, k)
	}
	for i := range t.src.Disks {
		d := &t.src.Disks[i]
		if !d.HasImage() {
			t.w.Manifest.Disks = append(t.w.Manifest.Disks, *d)
			continue
		}
		if err := t.copyDisk(ctx, d); err != nil {
			return fmt.Errorf("disk %s: %w", d.Name, err)
		}
	}
	return nil
}

// errOther says that a disk built upon what both repositories have is not the one that was to be copied.
var errOther = errors.New("the copy of an earlier point is not what it says")

// copyDisk copies what differs from the nearest point that both have. When that turns out not to be fit to build upon,
// everything is read.
func (t *transfer) copyDisk(ctx context.Context, d *format.Disk) error {
	im, err := t.from.Image(t.src, d.Name)
	if err != nil {
		return err
	}
	near := t.disk(t.near, d.ID)
	err = t.take(ctx, im, near)
	if near == nil || err == nil || ctx.Err() != nil ||
		!errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrParent) && !errors.Is(err, errOther) {
		return err
	}
	if again := t.take(ctx, im, nil); again != nil {
		return again
	}
	t.out.Warnings = append(t.out.Warnings, fmt.Sprintf("disk %s was read in full: %v", d.Name, err))
	return nil
}

// take brings a disk in, upon near if there is one. Nothing is inherited unseen while some slots are known to be damaged.
func (t *transfer) take(ctx context.Context, im *Image, near *diskPair) error {
	var parent *Image
	inherit := false
	if near != nil {
		parent = near.to
		inherit = parent.Size() == im.Size() && len(t.w.found.gone.moves.Bad) == 0
	}
	dw, err := t.w.Disk(im.disk, parent, inherit)
	if err != nil {
		return err
	}
	dw.copied = true
	err = t.read(ctx, dw, im, near)
	if err == nil && near != nil {
		err = sameData(ctx, dw, im)
	}
	if err != nil {
		dw.Drop()
		return err
	}
	t.out.Read += dw.Counts.Read.Load()
	t.out.New += dw.Counts.New.Load()
	t.out.Stored += dw.Counts.Stored.Load()
	return nil
}

// sameData compares how many blocks of data the copy has: a parent that is not what it says is noticed at little cost.
func sameData(ctx context.Context, dw *DiskWriter, im *Image) error {
	d, err := dw.finish(ctx)
	if err == nil && d.Data != im.disk.Data {
		err = fmt.Errorf("%d blocks of data, not %d: %w", d.Data, im.disk.Data, errOther)
	}
	return err
}

// read plans on one goroutine, and reads on as many as there are workers.
func (t *transfer) read(ctx context.Context, dw *DiskWriter, im *Image, near *diskPair) error {
	g, ctx := errgroup.WithContext(ctx)
	work := make(chan copyJob, 2*len(t.workers))
	g.Go(func() error {
		defer close(work)
		return t.plan(ctx, dw, im, near, work)
	})
	for _, k := range t.workers {
		g.Go(func() error {
			h := copyHand{t: t, k: k, dw: dw, im: im, buf: make([]byte, copyChunk*block.Size)}
			for j := range work {
				if err := h.do(ctx, j); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// plan sends the leaves in which there is something to do.
func (t *transfer) plan(ctx context.Context, dw *DiskWriter, im *Image, near *diskPair, work chan<- copyJob) error {
	changed := whole(im.disk.Blocks())
	if near != nil {
		changed = t.from.Diff(ctx, near.from, im)
	}
	for j, err := range copyJobs(changed, dw) {
		if err != nil {
			return err
		}
		for _, r := range j.changed {
			t.progress.Total.Add(bytesOf(r, im.Size()))
		}
		select {
		case work <- j:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// whole is one range of all blocks.
func whole(blocks int64) iter.Seq2[block.Range, error] {
	return func(yield func(block.Range, error) bool) { yield(block.Range{N: blocks}, nil) }
}

// bytesOf is the length of a range in bytes.
func bytesOf(r block.Range, size int64) int64 {
	return min(r.End()<<block.Log2Size, size) - r.First<<block.Log2Size
}

// A copyJob is what is to be copied of one leaf; the rest is as in the parent.
type copyJob struct {
	leaf    int64
	changed []block.Range
}

// copyJobs groups ranges by leaf. What lies behind the disk's end is left out. A disk that inherits needs the leaves that
// have some, any other one all.
func copyJobs(changed iter.Seq2[block.Range, error], dw *DiskWriter) iter.Seq2[copyJob, error] {
	return func(yield func(copyJob, error) bool) {
		var j copyJob
		goOn := func(leaf int64) bool { // yields what comes before the leaf
			for j.leaf < leaf {
				if (len(j.changed) > 0 || !dw.inherit) && !yield(j, nil) {
					return false
				}
				next := j.leaf + 1
				if dw.inherit {
					next = leaf
				}
				j = copyJob{leaf: next}
			}
			return true
		}
		for r, err := range changed {
			if err != nil {
				yield(copyJob{}, err)
				return
			}
			for end := min(r.End(), dw.disk.Blocks()); r.First < end; {
				leaf := r.First >> format.Log2Leaf
				if !goOn(leaf) {
					return
				}
				n := min(end, (leaf+1)<<format.Log2Leaf) - r.First
				j.changed = append(j.changed, block.Range{First: r.First, N: n})
				r.First += n
			}
		}
		goOn(dw.Leaves())
	}
}
