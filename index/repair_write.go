package index

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/pack"
)

// write puts all that was healed into bundles, blocks and map nodes apart. What cannot be had again, or is not what it was,
// is not healed after all.
func (p *repair) write(ctx context.Context) error {
	if p.o.DryRun {
		return nil
	}
	for _, k := range []format.Kind{format.KindData, format.KindTree} {
		w, err := newHealer(p, k)
		if err != nil {
			return err
		}
		if err := w.all(ctx); err != nil {
			return errors.Join(err, w.abort())
		}
	}
	return nil
}

// A healer fills bundles with blocks, or with map nodes.
type healer struct {
	p    *repair
	kind format.Kind
	sum  *block.Summer
	enc  *pack.Encoder
	open *pack.Bundler
	seal *pack.Resealer
	of   format.PackID // that seal seals for
}

func newHealer(p *repair, k format.Kind) (*healer, error) {
	w := &healer{p: p, kind: k, sum: p.r.ring.Blocks()}
	codec, err := format.ParseCodec(p.r.config.Compression)
	if k == format.KindTree {
		w.sum, codec = p.r.ring.Nodes(), format.Zstd
	}
	if err != nil {
		return nil, err
	}
	w.enc, err = pack.NewEncoder(codec)
	return w, err
}

// all writes the cures of its kind in the order of their addresses.
func (w *healer) all(ctx context.Context) error {
	var due []format.Address
	for at, c := range w.p.cures {
		if c.kind == w.kind {
			due = append(due, at)
		}
	}
	slices.SortFunc(due, format.Address.Compare)
	for _, at := range due {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := w.p.cures[at].read(ctx)
		if err != nil || w.sum.Sum(b) != w.p.cures[at].id {
			delete(w.p.cures, at)
			continue
		}
		if err := w.add(ctx, at, b); err != nil {
			return err
		}
	}
	return w.close(ctx)
}

// add seals one block under a fresh salt, which those of one pack in one bundle share.
func (w *healer) add(ctx context.Context, at format.Address, b []byte) (err error) {
	if w.open != nil && !w.open.Takes(1, format.MaxBlock) {
		if err := w.close(ctx); err != nil {
			return err
		}
	}
	if w.open == nil {
		if w.open, err = pack.CreateBundle(ctx, w.p.r.store, w.p.r.ring); err != nil {
			return err
		}
		w.seal = nil
	}
	if w.seal == nil || w.of != at.Pack {
		if w.seal, err = pack.NewResealer(w.p.r.ring, w.kind, at.Pack); err != nil {
			return err
		}
		w.of = at.Pack
	}
	codec, encoded, err := w.enc.Encode(b)
	if err != nil {
		return err
	}
	return w.seal.Add(w.open, at.Slot, w.p.cures[at].id, codec, encoded)
}

// close makes the open bundle durable and reads it back.
func (w *healer) close(ctx context.Context) error {
	if w.open == nil {
		return nil
	}
	b := w.open
	w.open = nil
	if err := b.Seal(); err != nil {
		return err
	}
	if err := w.check(ctx, b.ID()); err != nil {
		return fmt.Errorf("read back what was healed: %w", err)
	}
	w.p.written = append(w.p.written, b.Moves()...)
	return nil
}

func (w *healer) check(ctx context.Context, id format.PackID) error {
	b, err := pack.OpenBundle(ctx, w.p.r.store, w.p.r.ring, id)
	if err != nil {
		return err
	}
	for i, part := range b.Parts() {
		rd, err := b.Reader(i)
		if err != nil {
			return err
		}
		for _, s := range part.Slots {
			got, err := rd.Block(ctx, w.p.r.packs.Decoder(), s.Number)
			if err != nil {
				return err
			}
			if at := (format.Address{Pack: part.Header.ID, Slot: s.Number}); w.sum.Sum(got) != w.p.cures[at].id {
				return fmt.Errorf("slot %d of pack %v is another: %w", at.Slot, at.Pack, ErrCorrupt)
			}
		}
	}
	return nil
}

func (w *healer) abort() error {
	if w.open == nil {
		return nil
	}
	return w.open.Abort()
}

// publish records where the healed blocks lie, and which are lost. From then on they are read, and the lost ones are named by
// nothing new.
func (p *repair) publish(ctx context.Context) error {
	lost, err := p.lost(ctx)
	if err != nil {
		return err
	}
	p.result.Lost = len(lost)
	p.count()
	next := &format.Moves{Moved: p.written, Bad: lost, Extra: p.moves.Extra}
	p.forgetBundles(lost)
	for _, m := range p.moves.Moved {
		if !p.replaced[m.Bundle] {
			next.Moved = append(next.Moved, m)
		}
	}
	if p.o.DryRun || len(p.written) == 0 && len(next.Moved) == len(p.moves.Moved) && slices.Equal(lost, p.moves.Bad) {
		return nil
	}
	if err := p.r.putMoves(ctx, p.moves.N, next); err != nil {
		return err
	}
	p.r.packs.ForgetAll()
	return nil
}

// forgetBundles replaces the bundles that are not there when nothing is lost of the packs that lay in them.
func (p *repair) forgetBundles(lost []format.Address) {
	hurt := map[format.PackID]bool{}
	for _, a := range lost {
		hurt[a.Pack] = true
	}
	for _, m := range p.moves.Moved {
		if p.v.stored[m.Bundle] == nil && !slices.ContainsFunc(p.packsIn(m.Bundle), func(id format.PackID) bool { return hurt[id] }) {
			p.replaced[m.Bundle] = true
		}
	}
}

// count sums up what was healed.
func (p *repair) count() {
	for _, c := range p.cures {
		if !c.moved {
			p.result.Blocks++
		}
	}
}

// lost gives the addresses, in order, that cannot be read and were not healed.
func (p *repair) lost(ctx context.Context) (out []format.Address, err error) {
	note := func(at format.Address) {
		if p.cures[at] == nil && (p.v.stored[at.Pack] != nil || p.wanted.named.has(at)) {
			out = append(out, at)
		}
	}
	for id, b := range p.v.bad {
		for slot := range b.slots {
			note(format.Address{Pack: id, Slot: slot})
		}
	}
	for at := range p.wanted.nodes {
		note(at)
	}
	for at := range p.wanted.blocks {
		note(at)
	}
	for _, w := range p.wanted.leaves {
		for _, r := range w.leaf.Runs {
			for i := r.First; i < r.First+r.N && r.Kind == format.Data; i++ {
				lost, err := p.isLost(ctx, r.Address(i))
				if err != nil {
					return nil, err
				}
				if lost {
					note(r.Address(i))
				}
			}
		}
	}
	slices.SortFunc(out, format.Address.Compare)
	return slices.Compact(out), nil
}
