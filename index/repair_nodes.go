package index

import (
	"context"
	"fmt"
	"slices"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/pack"
)

// healNodes heals map nodes, again and again as long as that lets the walk over the maps go deeper.
func (p *repair) healNodes(ctx context.Context) error {
	for {
		if err := p.find(ctx); err != nil {
			return err
		}
		before := len(p.nodes.healed)
		for _, step := range []func(context.Context) error{p.hintedNodes, p.twinNodes, p.rebuiltLeaves, p.rebuiltInners} {
			if err := step(ctx); err != nil {
				return err
			}
		}
		if len(p.nodes.healed) == before {
			return nil
		}
	}
}

// due gives the nodes that are still lost, of which level says that they are its.
func (p *repair) due(level func(uint8) bool) (out []*lostNode) {
	for at, n := range p.wanted.nodes {
		if _, healed := p.nodes.healed[at]; !healed && level(n.level) {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b *lostNode) int { return a.c.At.Compare(b.c.At) })
	return out
}

func anyLevel(uint8) bool    { return true }
func leafLevel(l uint8) bool { return l == 1 }

// heal takes a node's bytes when they have the hash that its parent names, and tells whether they have.
func (p *repair) heal(n *lostNode, b []byte, by string) bool {
	id := p.r.ring.Nodes().Sum(b)
	if format.NodeHash(id[:16]) != n.c.Hash {
		return false
	}
	p.nodes.healed[n.c.At] = b
	read := func(context.Context) ([]byte, error) { return b, nil }
	p.cures[n.c.At] = &cure{kind: format.KindTree, id: id, read: read, by: by}
	return true
}

// hintedNodes reads nodes where their parents say that they lie, which needs no trailer.
func (p *repair) hintedNodes(ctx context.Context) error {
	for _, n := range p.due(anyLevel) {
		b, err := pack.Hinted(ctx, p.r.store, p.r.ring, p.r.packs.Decoder(), n.c)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			p.heal(n, b, "its place, which its parent knows")
		}
	}
	return nil
}

// twinNodes finds equal nodes at other addresses.
func (p *repair) twinNodes(ctx context.Context) error {
	due := p.due(anyLevel)
	if len(due) == 0 {
		return nil
	}
	twins := map[format.NodeHash][]format.Address{}
	for _, n := range due {
		twins[n.c.Hash] = nil
	}
	if err := p.locateNodes(ctx, twins); err != nil {
		return err
	}
	for _, n := range due {
		for _, twin := range twins[n.c.Hash] {
			if b, err := p.r.packs.Block(ctx, twin); err == nil && p.heal(n, b, fmt.Sprintf("an equal one in pack %v", twin.Pack)) {
				break
			}
		}
	}
	return nil
}

// locateNodes is locate for the hashes of nodes.
func (p *repair) locateNodes(ctx context.Context, hashes map[format.NodeHash][]format.Address) error {
	return p.eachID(ctx, func(id block.ID, a format.Address) {
		if at, ok := hashes[format.NodeHash(id[:16])]; ok {
			hashes[format.NodeHash(id[:16])] = append(at, a)
		}
	})
}

// batch is how many leaves are rebuilt at once: their IDs take 8 KiB each, and one look at all trailers finds where they lie.
const batch = 1024

// rebuiltLeaves makes leaves anew from what donors have there.
func (p *repair) rebuiltLeaves(ctx context.Context) error {
	for due := range slices.Chunk(p.due(leafLevel), batch) {
		drafts := make([][]*draft, len(due))
		ids := map[block.ID][]format.Address{}
		for i, n := range due {
			var err error
			if drafts[i], err = p.draftsOf(ctx, n); err != nil {
				return err
			}
			for _, d := range drafts[i] {
				d.want(ids)
			}
		}
		if err := p.locate(ctx, ids); err != nil {
			return err
		}
		p.guess(ids)
		for i, n := range due {
			p.tryDrafts(ctx, n, drafts[i], ids)
		}
	}
	return nil
}

// draftsOf reads what a leaf's donors have, each different content once.
func (p *repair) draftsOf(ctx context.Context, n *lostNode) (out []*draft, err error) {
	for _, v := range n.victims {
		for _, donor := range v.donors {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			d := p.draft(v, donor, n.index)
			if d == nil || slices.ContainsFunc(out, func(o *draft) bool { return slices.Equal(o.ids, d.ids) && o.victim == v }) {
				continue
			}
			out = append(out, d)
		}
	}
	return out, nil
}

func (p *repair) tryDrafts(ctx context.Context, n *lostNode, drafts []*draft, ids map[block.ID][]format.Address) {
	for _, d := range drafts {
		for leaf := range d.leaves(ctx, p, ids) {
			if p.heal(n, leaf.Marshal(), d.name+", made anew") {
				return
			}
		}
	}
}

// rebuiltInners makes inner nodes anew whose children are leaves that lie somewhere whole: what donors have makes the leaves,
// and trailers tell where they lie. A higher node takes too much reading.
func (p *repair) rebuiltInners(ctx context.Context) error {
	for _, n := range p.due(func(level uint8) bool { return level == 2 }) {
		for _, v := range n.victims {
			for _, donor := range v.donors {
				b, err := p.inner(ctx, n, v, donor)
				if err != nil {
					return err
				}
				if b != nil && p.heal(n, b, donor.name+", made anew") {
					break
				}
			}
		}
	}
	return nil
}

// inner makes an inner node of level 2 as a donor's bytes have it; nil when that cannot be.
func (p *repair) inner(ctx context.Context, n *lostNode, v *victim, donor donor) ([]byte, error) {
	first := n.index * format.Fan
	drafts := make([]*draft, min(format.Fan, v.im.tree.Leaves()-first))
	ids := map[block.ID][]format.Address{}
	for i := range drafts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if drafts[i] = p.draft(v, donor, first+int64(i)); drafts[i] == nil {
			return nil, nil
		}
		drafts[i].want(ids)
	}
	if err := p.locate(ctx, ids); err != nil {
		return nil, err
	}
	p.guess(ids)
	return p.innerOf(ctx, drafts, ids)
}

// innerOf looks up where the leaves lie that drafts make.
func (p *repair) innerOf(ctx context.Context, drafts []*draft, ids map[block.ID][]format.Address) ([]byte, error) {
	sum := p.r.ring.Nodes()
	made := make([][]format.NodeHash, len(drafts))
	where := map[format.NodeHash][]format.Address{}
	for i, d := range drafts {
		for leaf := range d.leaves(ctx, p, ids) {
			id := sum.Sum(leaf.Marshal())
			made[i] = append(made[i], format.NodeHash(id[:16]))
			where[format.NodeHash(id[:16])] = nil
		}
	}
	if err := p.locateNodes(ctx, where); err != nil {
		return nil, err
	}
	node := &format.Inner{Level: 2, Children: make([]format.Child, len(drafts))}
	for i, d := range drafts {
		node.Digest = node.Digest.Add(d.digest)
		if d.empty() {
			continue
		}
		child, ok := p.childOf(ctx, made[i], where)
		if !ok {
			return nil, nil
		}
		node.Children[i] = child
	}
	return node.Marshal(), nil
}

// childOf points to the first of some nodes that lies anywhere.
func (p *repair) childOf(ctx context.Context, hashes []format.NodeHash, where map[format.NodeHash][]format.Address) (format.Child, bool) {
	for _, hash := range hashes {
		for _, at := range where[hash] {
			rd, err := pack.Open(ctx, p.r.store, p.r.ring, at.Pack) // a bundle has nodes at other places
			if err != nil {
				continue
			}
			span, _, err := rd.Span(at.Slot, 1)
			if err == nil {
				return format.Child{
					Kind: format.Data, At: at, Hash: hash, Off: uint32(span.Off), Len: uint16(span.Len), Codec: rd.Codec(at.Slot),
				}, true
			}
		}
	}
	return format.Child{}, false
}
