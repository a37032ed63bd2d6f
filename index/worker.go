package index

import (
	"context"
	"fmt"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/imagemap"
	"vbfs/index/pack"
)

// A Worker takes blocks in, one leaf range at a time, and appends what is new to a pack of its own. It belongs to one
// goroutine. Close ends it, also after an error.
type Worker struct {
	w       *Writer
	sum     *block.Summer
	digests *block.Summer
	enc     *pack.Encoder
	pack    *newPack // nil until there is a new block
	edit    imagemap.Edit
	err     error // of a write to the pack, which then is lost
}

// Worker begins a worker.
func (w *Writer) Worker() (*Worker, error) {
	codec, err := format.ParseCodec(w.repo.config.Compression)
	if err != nil {
		return nil, err
	}
	enc, err := pack.NewEncoder(codec)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open++
	return &Worker{w: w, sum: w.repo.ring.Blocks(), digests: w.repo.ring.Digests(), enc: enc}, nil
}

// Close makes the worker's pack durable. After an error the pack is lost, and the point with it.
func (k *Worker) Close() error {
	if k.err == nil {
		k.err = k.sealPack()
	}
	if k.err != nil {
		return k.err
	}
	k.w.mu.Lock()
	defer k.w.mu.Unlock()
	k.w.open-- // one that failed stays open: Commit refuses
	return nil
}

func (k *Worker) sealPack() error {
	if k.pack == nil {
		return nil
	}
	p := k.pack
	k.pack = nil
	if err := p.seal(); err != nil {
		return err
	}
	return k.w.repo.spill(spillAt, nil, nil)
}

// A LeafWriter is one leaf range on its way in. It belongs to its Worker's goroutine; a worker has one at a time.
type LeafWriter struct {
	k      *Worker
	d      *DiskWriter
	index  int64
	first  int64 // number of its first block
	digest block.Digest
	parent *format.Leaf // nil when the parent has no such leaf
}

// Leaf begins leaf range i of a disk.
func (k *Worker) Leaf(ctx context.Context, d *DiskWriter, i int64) (*LeafWriter, error) {
	if k.err != nil {
		return nil, k.err
	}
	l := &LeafWriter{k: k, d: d, index: i, first: i << format.Log2Leaf}
	if p := d.parent; p != nil && i < p.tree.Leaves() {
		var err error
		if l.parent, err = p.tree.Leaf(ctx, i); err != nil && d.inherit {
			return nil, fmt.Errorf("%w: %w", ErrParent, err)
		}
	}
	if d.inherit {
		k.edit.Open(l.parent)
		l.digest = l.parent.Digest
	} else {
		k.edit.Blank(int(d.LeafRange(i).N))
	}
	return l, nil
}

// Put takes the content of block n, which is whole: 64 KiB, or less at the disk's end.
func (l *LeafWriter) Put(ctx context.Context, n int64, p []byte) error {
	_, err := l.put(ctx, n, p)
	return err
}

// put is Put, and gives the block's ID: zero for a zero block.
func (l *LeafWriter) put(ctx context.Context, n int64, p []byte) (id block.ID, err error) {
	if len(p) != block.Len(n, l.d.disk.Size) || n < l.first || int(n-l.first) >= l.k.edit.N() {
		return id, fmt.Errorf("block %d of %d bytes does not belong to leaf %d", n, len(p), l.index)
	}
	if block.IsZero(p) {
		return id, l.Zero(ctx, block.Range{First: n, N: 1})
	}
	id = l.k.sum.Sum(p)
	at, err := l.place(ctx, n, id, p)
	if err != nil {
		return id, fmt.Errorf("block %d: %w", n, err)
	}
	return id, l.set(ctx, n, id, at)
}

// set says that block n is the one with that ID, which lies at an address.
func (l *LeafWriter) set(ctx context.Context, n int64, id block.ID, at format.Address) error {
	if err := l.replace(ctx, n); err != nil {
		return err
	}
	l.k.edit.Set(int(n-l.first), at)
	l.digest = l.digest.Add(l.k.digests.Term(n, id))
	return nil
}

// Zero says that blocks are all zero.
func (l *LeafWriter) Zero(ctx context.Context, r block.Range) error {
	if r.First < l.first || int(r.End()-l.first) > l.k.edit.N() {
		return fmt.Errorf("blocks %d to %d do not belong to leaf %d", r.First, r.End()-1, l.index)
	}
	for n := r.First; n < r.End(); n++ {
		if err := l.replace(ctx, n); err != nil {
			return err
		}
		if r, there := l.before(n); there && r.Kind != format.Zero {
			l.d.Counts.Changed.Add(int64(block.Len(n, l.d.disk.Size)))
		}
		l.k.edit.SetZero(int(n - l.first))
	}
	return nil
}

// replace takes what block n is so far out of the digest.
func (l *LeafWriter) replace(ctx context.Context, n int64) error {
	kind, at := l.k.edit.Get(int(n - l.first))
	if kind == format.Zero || kind == format.Unknown && !l.d.inherit {
		return nil
	}
	old := block.Unknown
	if kind == format.Data {
		var err error
		if old, err = l.k.w.repo.blockID(ctx, at); err != nil {
			return fmt.Errorf("%w: %w", ErrParent, err)
		}
	}
	l.digest = l.digest.Sub(l.k.digests.Term(n, old))
	return nil
}

// before gives the run that block n is in in the parent, if the parent has it.
func (l *LeafWriter) before(n int64) (r format.Run, there bool) {
	i := int(n - l.first)
	if l.parent == nil || i >= l.parent.N {
		return r, false
	}
	return l.parent.Find(i), true
}

// place finds where the block is already, first where the parent has it, or stores it.
func (l *LeafWriter) place(ctx context.Context, n int64, id block.ID, p []byte) (format.Address, error) {
	repo := l.k.w.repo
	if r, there := l.before(n); there && r.Kind == format.Data {
		if at := r.Address(int(n - l.first)); !l.k.w.found.gone.has(at) && repo.holds(ctx, at, id) {
			return at, nil
		}
	}
	l.d.Counts.Changed.Add(int64(len(p)))
	if at, ok, err := l.k.w.found.findOrClaim(ctx, id); ok || err != nil {
		return at, err
	}
	defer repo.shelf.release(id)
	return l.store(ctx, id, p)
}

func (l *LeafWriter) store(ctx context.Context, id block.ID, p []byte) (format.Address, error) {
	codec, b, err := l.k.enc.Encode(p)
	if err != nil {
		return format.Address{}, err
	}
	place, err := l.k.append(ctx, id, codec, b)
	if err != nil {
		return format.Address{}, err
	}
	l.d.Counts.New.Add(int64(len(p)))
	l.d.Counts.Stored.Add(int64(place.Len))
	return place.At, nil
}

// append stores a block in the worker's pack, or in a new one when that is full, or was made durable by another writer.
func (k *Worker) append(ctx context.Context, id block.ID, c format.Codec, b []byte) (place pack.Place, err error) {
	for ok := false; !ok; {
		if k.pack == nil {
			// A pack that could not be begun is none lost: a disk that fails cancels its workers, and they go on to the next.
			if k.pack, err = k.w.repo.newPack(ctx, format.MarkOf(k.w.Manifest.Point)); err != nil {
				return place, err
			}
		}
		if place, ok, k.err = k.pack.append(id, c, b); !ok && k.err == nil {
			k.err = k.sealPack()
		}
		if k.err != nil {
			return place, k.err
		}
	}
	return place, nil
}

// Done puts the leaf into the disk's map. In a full every block must have been written.
func (l *LeafWriter) Done(ctx context.Context) error {
	if !l.d.inherit {
		for i := range l.k.edit.N() {
			if kind, _ := l.k.edit.Get(i); kind == format.Unknown {
				return &imagemap.MissingError{Range: block.Range{First: l.first + int64(i), N: 1}}
			}
		}
	}
	if err := l.d.tree.SetLeaf(ctx, l.index, l.k.edit.Leaf(l.digest)); err != nil {
		return fmt.Errorf("leaf %d: %w", l.index, err)
	}
	l.d.leaves.Add(1)
	return nil
}
