package index

import (
	"context"
	"errors"

	"vbfs/index/block"
	"vbfs/index/format"
)

// copyChunk is how many blocks one read asks for: what decodes on all cores, and stays in the processor's cache.
const copyChunk = 16

// A copyHand is one worker at one disk that is copied.
type copyHand struct {
	t   *transfer
	k   *Worker
	dw  *DiskWriter
	im  *Image // source
	l   *LeafWriter
	buf []byte
	due block.Range // blocks of data side by side, yet to be read
	at  [copyChunk]format.Address
}

func (h *copyHand) do(ctx context.Context, j copyJob) (err error) {
	from, err := h.im.tree.Leaf(ctx, j.leaf)
	if err != nil {
		return err
	}
	if h.l, err = h.k.Leaf(ctx, h.dw, j.leaf); err != nil {
		return err
	}
	h.due = block.Range{}
	next := h.l.first
	for _, r := range append(j.changed, block.Range{First: h.dw.LeafRange(j.leaf).End()}) {
		if err := h.same(ctx, from, next, r.First); err != nil {
			return err
		}
		if err := h.changed(ctx, from, r); err != nil {
			return err
		}
		next = r.End()
	}
	if err := h.load(ctx); err != nil {
		return err
	}
	return h.l.Done(ctx)
}

// same takes over blocks from the parent that are the same there: unless they are inherited anyway, one by one. Those that
// the parent cannot give are copied.
func (h *copyHand) same(ctx context.Context, from *format.Leaf, first, end int64) error {
	for n := first; n < end && !h.dw.inherit; n++ {
		ok, err := h.l.share(ctx, n)
		if err == nil && !ok {
			h.t.progress.Total.Add(int64(block.Len(n, h.im.Size())))
			err = h.changed(ctx, from, block.Range{First: n, N: 1})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// changed copies a range.
func (h *copyHand) changed(ctx context.Context, from *format.Leaf, r block.Range) error {
	for n := r.First; n < r.End(); {
		run := from.Find(int(n - h.l.first))
		end := min(r.End(), h.l.first+int64(run.First+run.N))
		var err error
		switch run.Kind {
		case format.Zero:
			err = h.zero(ctx, block.Range{First: n, N: end - n})
		case format.Data:
			err = h.data(ctx, run, n, end)
		default:
			err = ErrUnknownBytes
		}
		if err != nil {
			return err
		}
		n = end
	}
	return nil
}

func (h *copyHand) zero(ctx context.Context, r block.Range) error {
	h.t.progress.Done.Add(bytesOf(r, h.im.Size()))
	return h.l.Zero(ctx, r)
}

// data copies the blocks [first, end) of a run: those that the other repository has by their IDs, the others once as many
// as one read takes lie side by side.
func (h *copyHand) data(ctx context.Context, run format.Run, first, end int64) error {
	for n := first; n < end; n++ {
		at := run.Address(int(n - h.l.first))
		ok, err := h.byID(ctx, n, at)
		if err != nil {
			return err
		}
		if ok {
			h.t.progress.Done.Add(int64(block.Len(n, h.im.Size())))
			continue
		}
		if h.due.N == copyChunk || h.due.N > 0 && h.due.End() != n {
			if err := h.load(ctx); err != nil {
				return err
			}
		}
		if h.due.N == 0 {
			h.due.First = n
		}
		h.at[h.due.N] = at
		h.due.N++
	}
	return nil
}

// byID tells whether the block at an address of this repository was copied before and is in the other still.
func (h *copyHand) byID(ctx context.Context, n int64, at format.Address) (bool, error) {
	id, ok := h.t.ids.Get(at)
	if !ok {
		return false, nil
	}
	there, ok := h.k.w.found.find(ctx, id)
	if !ok {
		return false, nil
	}
	return true, h.l.set(ctx, n, id, there)
}

// load reads what is due and puts it.
func (h *copyHand) load(ctx context.Context) error {
	due := h.due
	if due.N == 0 {
		return nil
	}
	h.due.N = 0
	p := h.buf[:bytesOf(due, h.im.Size())]
	if _, err := h.im.ReadAt(p, due.First<<block.Log2Size); err != nil {
		return err
	}
	h.dw.Counts.Read.Add(int64(len(p)))
	h.t.progress.Done.Add(int64(len(p)))
	for i := range due.N {
		b := p[i<<block.Log2Size:][:block.Len(due.First+i, h.im.Size())]
		id, err := h.l.put(ctx, due.First+i, b)
		if err != nil {
			return err
		}
		if id != (block.ID{}) {
			h.t.ids.Add(h.at[i], id, knownCost)
		}
	}
	return nil
}

// share takes block n over from where the parent has it, and tells whether that can be. The block has the parent's length.
func (l *LeafWriter) share(ctx context.Context, n int64) (bool, error) {
	r, there := l.before(n)
	switch {
	case !there || r.Kind == format.Unknown:
		return false, nil
	case r.Kind == format.Zero:
		return true, l.Zero(ctx, block.Range{First: n, N: 1})
	}
	at := r.Address(int(n - l.first))
	if l.k.w.found.gone.has(at) {
		return false, nil
	}
	id, err := l.k.w.repo.blockID(ctx, at)
	if errors.Is(err, ErrCorrupt) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, l.set(ctx, n, id, at)
}
