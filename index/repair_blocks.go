package index

import (
	"context"
	"fmt"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/pack"
)

// healBlocks heals the blocks whose IDs are known: nothing but bytes with that ID counts.
func (p *repair) healBlocks(ctx context.Context) error {
	twins := map[block.ID][]format.Address{}
	for _, b := range p.wanted.blocks {
		twins[b.id] = nil
	}
	if err := p.locate(ctx, twins); err != nil {
		return err
	}
	sum := p.r.ring.Blocks()
	for at, b := range p.wanted.blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		p.o.Progress.Total.Add(int64(b.size))
		if c := p.cureOf(ctx, sum, b, twins[b.id]); c != nil {
			p.cures[at] = c
		}
		p.o.Progress.Done.Add(int64(b.size))
	}
	return nil
}

// cureOf tries who may have a block: other slots of this repository, then donors.
func (p *repair) cureOf(ctx context.Context, sum *block.Summer, b *lostBlock, twins []format.Address) *cure {
	fits := func(bytes []byte) bool { return bytes != nil && len(bytes) <= block.Size && sum.Sum(bytes) == b.id }
	for _, twin := range twins {
		if bytes, err := p.r.packs.Block(ctx, twin); err == nil && fits(bytes) {
			return p.fromTwin(format.KindData, twin, b.id)
		}
	}
	for _, u := range b.uses {
		for _, d := range u.victim.donors {
			if fits(d.blockOf(u.n, u.victim.d.Size)) {
				return fromDonor(d, u.n, u.victim.d.Size, b.id)
			}
		}
	}
	return nil
}

// salvage heals a block of a pack whose footer is damaged, when that hinders the reading of it alone.
func (p *repair) salvage(ctx context.Context, at format.Address) bool {
	if p.cures[at] != nil {
		return true
	}
	rd, tried := p.salvaged[at.Pack]
	if !tried {
		var err error
		if b := p.v.bad[at.Pack]; b != nil && b.all != nil || p.v.closed[at.Pack] {
			if rd, err = pack.Salvage(ctx, p.r.store, p.r.ring, at.Pack); err != nil {
				rd = nil
			}
		}
		p.salvaged[at.Pack] = rd
	}
	if rd == nil {
		return false
	}
	read := func(ctx context.Context) ([]byte, error) { return rd.Block(ctx, p.r.packs.Decoder(), at.Slot) }
	b, err := read(ctx)
	if err != nil {
		return false
	}
	p.cures[at] = &cure{kind: format.KindData, id: p.r.ring.Blocks().Sum(b), read: read, by: "its pack, which lacks a footer alone"}
	return true
}

// fromTwin heals by an equal block or node at another address.
func (p *repair) fromTwin(k format.Kind, twin format.Address, id block.ID) *cure {
	read := func(ctx context.Context) ([]byte, error) { return p.r.packs.Block(ctx, twin) }
	return &cure{kind: k, id: id, read: read, by: fmt.Sprintf("an equal one in pack %v", twin.Pack)}
}

// fromDonor heals by what a donor has at block n of a disk of size bytes.
func fromDonor(d donor, n, size int64, id block.ID) *cure {
	read := func(context.Context) ([]byte, error) {
		b := d.blockOf(n, size)
		if b == nil {
			return nil, fmt.Errorf("%s does not give block %d again", d.name, n)
		}
		return b, nil
	}
	return &cure{kind: format.KindData, id: id, read: read, by: d.name}
}

// healLeaves heals blocks of which not even the IDs are known: when each lost block of a leaf has a candidate, and the leaf's
// digest is the sum that they make, all of them are right. What one leaf proves may complete another.
func (p *repair) healLeaves(ctx context.Context) error {
	for again := true; again; {
		again = false
		for key, w := range p.wanted.leaves {
			healed, err := p.healLeaf(ctx, w)
			if err != nil {
				return err
			}
			if healed {
				delete(p.wanted.leaves, key)
				again = true
			}
		}
	}
	return nil
}

// healLeaf tries each donor for all of a leaf's lost blocks, and tells whether that made it whole.
func (p *repair) healLeaf(ctx context.Context, w *lostLeaf) (bool, error) {
	for _, v := range w.victims {
		for _, d := range v.donors {
			if err := ctx.Err(); err != nil {
				return false, err
			}
			cures, err := p.proven(ctx, w, v, d)
			if err != nil {
				return false, err
			}
			for at, c := range cures {
				p.cures[at] = c
			}
			if cures != nil {
				return true, nil
			}
		}
	}
	return false, nil
}

// proven gives what a donor has of the leaf's lost blocks, when the leaf's digest says that it is right: else nil.
func (p *repair) proven(ctx context.Context, w *lostLeaf, v *victim, d donor) (map[format.Address]*cure, error) {
	sum, digests := p.r.ring.Blocks(), p.r.ring.Digests()
	total := block.Digest{}
	cures := map[format.Address]*cure{}
	for _, r := range w.leaf.Runs {
		for i := r.First; i < r.First+r.N && r.Kind != format.Zero; i++ {
			n := w.index<<format.Log2Leaf + int64(i)
			id, err := p.known(ctx, r, i)
			if err != nil {
				return nil, err
			}
			if id == (block.ID{}) {
				b := d.blockOf(n, v.d.Size)
				if b == nil {
					return nil, nil
				}
				id = sum.Sum(b)
				cures[r.Address(i)] = fromDonor(d, n, v.d.Size, id)
			}
			total = total.Add(digests.Term(n, id))
		}
	}
	if total != w.leaf.Digest {
		return nil, nil
	}
	return cures, nil
}

// known gives the ID of block i of a leaf's run: of its trailer, of what was healed, or of the block itself. It is zero when
// none of these can be had.
func (p *repair) known(ctx context.Context, r format.Run, i int) (block.ID, error) {
	if r.Kind == format.Unknown {
		return block.Unknown, nil
	}
	at := r.Address(i)
	if c := p.cures[at]; c != nil {
		return c.id, nil
	}
	if id, err := p.r.blockID(ctx, at); err == nil {
		return id, nil
	}
	if lost, err := p.isLost(ctx, at); lost || err != nil {
		return block.ID{}, err
	}
	b, err := p.r.packs.Block(ctx, at)
	if err != nil {
		return block.ID{}, ignoreDamage(err)
	}
	return p.r.ring.Blocks().Sum(b), nil
}
