package index

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/pack"
)

// maxSpan is how many blocks are one goroutine's work in a read, and how many neighbours in a pack are read at once: 8 are
// up to 512 KiB, decoded in half a millisecond, so that a read of 1 MiB is work for two cores.
const maxSpan = 8

// fetch fills the pieces of one read, which are in order. They are shared out among the cores, maxSpan at a time.
func (r *Repository) fetch(ctx context.Context, pieces []piece) error {
	hands := min(runtime.GOMAXPROCS(0), (len(pieces)+maxSpan-1)/maxSpan)
	var next atomic.Int64
	if hands <= 1 {
		return r.shares(ctx, pieces, &next)
	}
	g, ctx := errgroup.WithContext(ctx)
	for range hands {
		g.Go(func() error { return r.shares(ctx, pieces, &next) })
	}
	return g.Wait()
}

// shares fills the pieces from next on, which it shares with other goroutines.
func (r *Repository) shares(ctx context.Context, pieces []piece, next *atomic.Int64) error {
	for {
		first := int(next.Add(maxSpan) - maxSpan)
		if first >= len(pieces) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.share(ctx, pieces[first:min(len(pieces), first+maxSpan)]); err != nil {
			return err
		}
	}
}

// share fills pieces one after the other: those whose blocks lie side by side in a pack are read together, a part of a
// block stands alone and goes by the cache.
func (r *Repository) share(ctx context.Context, pieces []piece) error {
	for len(pieces) > 0 {
		n := 1
		for n < len(pieces) && joins(pieces[n-1], pieces[n]) {
			n++
		}
		var err error
		if n == 1 {
			err = r.one(ctx, pieces)
		} else {
			err = r.whole(ctx, pieces, n)
		}
		if err != nil {
			return err
		}
		pieces = pieces[n:]
	}
	return nil
}

func joins(a, b piece) bool {
	return a.whole() && b.whole() && a.at.Pack == b.at.Pack && int(a.at.Slot)+1 == int(b.at.Slot)
}

// one fills the first of pieces: from the cache or, for a part of a block, by way of it.
func (r *Repository) one(ctx context.Context, pieces []piece) error {
	p := pieces[0]
	if b, ok := r.blocks.Get(p.at); ok {
		return fill(p, b)
	}
	if p.whole() {
		return r.whole(ctx, pieces, 1)
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

// whole reads the first n of pieces, whole blocks that lie side by side, straight into their places and past the cache: who
// reads so reads on. What cannot be read so is read one by one: it may have been moved or healed.
func (r *Repository) whole(ctx context.Context, pieces []piece, n int) error {
	for n > 0 {
		got, err := r.together(ctx, pieces, n)
		if errors.Is(err, ErrCorrupt) {
			return r.each(ctx, pieces[:n])
		}
		if err != nil {
			return err
		}
		pieces, n = pieces[got:], n-got
	}
	return nil
}

// each fills whole blocks one by one.
func (r *Repository) each(ctx context.Context, pieces []piece) error {
	for _, p := range pieces {
		b, err := r.packs.Block(ctx, p.at)
		if err == nil {
			err = fill(p, b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// together reads as many of the first n of pieces as lie side by side, and tells how many.
func (r *Repository) together(ctx context.Context, pieces []piece, n int) (got int, err error) {
	rd, err := r.packs.Reader(ctx, pieces[0].at.Pack)
	if err != nil {
		return 0, err
	}
	span, got, err := rd.Span(pieces[0].at.Slot, n)
	if err != nil {
		return 0, err
	}
	pooled := sealedBuffers.Get().(*[]byte)
	defer sealedBuffers.Put(pooled)
	buf := (*pooled)[:span.Len]
	if err := rd.Sealed(ctx, buf, span); err != nil {
		return 0, err
	}
	for i, p := range pieces[:got] {
		one, _, err := rd.Span(p.at.Slot, 1)
		if err != nil {
			return 0, err
		}
		if err := decodeInto(r.packs.Decoder(), rd, p, room(pieces[i:]), buf[:one.Len:one.Len]); err != nil {
			return 0, err
		}
		buf = buf[one.Len:]
	}
	return got, nil
}

// room is where the first of pieces is decoded to: its place, with slack where the next piece, which is filled right after
// it by the same goroutine, follows in the reader's buffer.
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
