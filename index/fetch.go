package index

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/pack"
)

// maxSpan is how many neighbouring blocks are read at once: 8 are up to 512 KiB, decoded in half a millisecond, so that a
// read of 1 MiB is work for two cores.
const maxSpan = 8

// fetch fills the pieces of one read. Blocks that lie side by side in a pack are read together; a read of several spans
// is shared out among the cores, each of which takes the next span until there is none.
func (r *Repository) fetch(ctx context.Context, pieces []piece) error {
	if len(pieces) == 1 {
		return r.one(ctx, pieces[0])
	}
	spans := spansOf(pieces)
	hands := min(len(spans), runtime.GOMAXPROCS(0), (len(pieces)+maxSpan-1)/maxSpan)
	if hands <= 1 {
		return r.spans(ctx, spans, new(atomic.Int64))
	}
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range hands {
		g.Go(func() error { return r.spans(ctx, spans, &next) })
	}
	return g.Wait()
}

// spans fills the spans from next on, which it shares with other goroutines.
func (r *Repository) spans(ctx context.Context, spans [][]piece, next *atomic.Int64) error {
	for {
		i := next.Add(1) - 1
		if i >= int64(len(spans)) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.span(ctx, spans[i]); err != nil {
			return err
		}
	}
}

// spansOf groups pieces whose blocks lie side by side. Pieces of a part of a block stand alone: they go by the cache.
func spansOf(pieces []piece) [][]piece {
	var spans [][]piece
	start := 0
	for i := 1; i <= len(pieces); i++ {
		if i < len(pieces) && i-start < maxSpan && joins(pieces[i-1], pieces[i]) {
			continue
		}
		spans = append(spans, pieces[start:i])
		start = i
	}
	return spans
}

func joins(a, b piece) bool {
	return a.whole() && b.whole() && a.at.Pack == b.at.Pack && int(a.at.Slot)+1 == int(b.at.Slot)
}

func (r *Repository) span(ctx context.Context, pieces []piece) error {
	if len(pieces) == 1 {
		return r.one(ctx, pieces[0])
	}
	return r.whole(ctx, pieces)
}

// one fills a single piece: from the cache or, for a part of a block, by way of it.
func (r *Repository) one(ctx context.Context, p piece) error {
	if b, ok := r.blocks.Get(p.at); ok {
		return fill(p, b)
	}
	if p.whole() {
		return r.whole(ctx, []piece{p})
	}
	b, err := r.block(ctx, p.at)
	if err != nil {
		return err
	}
	return fill(p, b)
}

// block gives a decoded block by way of the cache. It must not be changed.
func (r *Repository) block(ctx context.Context, at format.Address) ([]byte, error) {
	return r.blocks.GetOrLoad(at, func() ([]byte, int64, error) {
		b, err := r.packs.Block(ctx, at)
		return b, int64(cap(b)), err
	})
}

func fill(p piece, b []byte) error {
	if len(b) != p.size {
		return wrongSize(p, len(b))
	}
	copy(p.dst, b[p.skip:])
	return nil
}

func wrongSize(p piece, n int) error {
	return fmt.Errorf("pack %v slot %d holds %d bytes, not %d: %w", p.at.Pack, p.at.Slot, n, p.size, ErrCorrupt)
}

var sealedBuffers = sync.Pool{New: func() any { b := make([]byte, maxSpan*format.MaxBlock); return &b }}

// whole reads pieces of whole blocks that lie side by side, straight into their places and past the cache: who reads so
// reads on.
func (r *Repository) whole(ctx context.Context, pieces []piece) error {
	rd, err := r.packs.Reader(ctx, pieces[0].at.Pack)
	if err != nil {
		return err
	}
	first := pieces[0].at.Slot
	off, n, err := rd.Span(first, len(pieces))
	if err != nil {
		return err
	}
	pooled := sealedBuffers.Get().(*[]byte)
	defer sealedBuffers.Put(pooled)
	buf := (*pooled)[:n]
	if err := rd.Sealed(ctx, buf, off); err != nil {
		return err
	}
	for i, p := range pieces {
		_, n, err := rd.Span(p.at.Slot, 1)
		if err != nil {
			return err
		}
		if err := decodeInto(r.packs.Decoder(), rd, p, room(pieces[i:]), buf[:n:n]); err != nil {
			return err
		}
		buf = buf[n:]
	}
	return nil
}

// room is where the first of pieces is decoded to: its place, with slack where the next piece, which is decoded right
// after it, follows in the reader's buffer.
func room(pieces []piece) []byte {
	dst := pieces[0].dst
	n := len(dst)
	if len(pieces) > 1 && cap(dst) > n && &dst[:n+1][n] == &pieces[1].dst[0] && len(pieces[1].dst) >= pack.Slack {
		return dst[: 0 : n+pack.Slack]
	}
	return dst[:0:n]
}

func decodeInto(d *pack.Decoder, rd *pack.Reader, p piece, room, sealed []byte) error {
	b, err := rd.Decode(d, room, p.at.Slot, sealed)
	if err != nil {
		return err
	}
	if len(b) != p.size {
		return wrongSize(p, len(b))
	}
	if &b[0] != &p.dst[0] { // the decoder needed more room than the block
		copy(p.dst, b)
	}
	return nil
}

// Prefetch asks for the blocks of a range to be in the cache soon: at most maxSpan of them.
func (im *Image) Prefetch(off, n int64) {
	r := block.Outer(off, min(n, maxSpan*block.Size))
	for i := r.First; i < min(r.End(), im.disk.Blocks()); i++ {
		run, err := im.tree.Find(context.Background(), i)
		if err != nil || run.Kind != format.Data {
			return
		}
		if _, err := im.repo.block(context.Background(), run.Address(i)); err != nil {
			return
		}
	}
}
