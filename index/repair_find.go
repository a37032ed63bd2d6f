package index

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vbfs/index/block"
	"vbfs/index/format"
)

// curedNodes loads map nodes, also those that were healed and are not written yet.
type curedNodes struct {
	*nodes
	healed map[format.Address][]byte
}

func newCuredNodes(r *Repository) *curedNodes {
	return &curedNodes{r.nodes, map[format.Address][]byte{}}
}

// Load implements imagemap.Nodes.
func (n *curedNodes) Load(ctx context.Context, c format.Child) ([]byte, error) {
	if b, ok := n.healed[c.At]; ok {
		return b, nil // its hash was compared
	}
	return n.nodes.Load(ctx, c)
}

// wanted is what is lost and named, and where.
type wanted struct {
	nodes  map[format.Address]*lostNode
	blocks map[format.Address]*lostBlock
	leaves map[string]*lostLeaf // by their places and bytes
	named  marks                // slots that some map names
}

// A lostNode is a map node that cannot be read.
type lostNode struct {
	c       format.Child
	level   uint8
	index   int64
	victims []*victim
}

// A lostBlock is a block that cannot be read, and whose ID is known.
type lostBlock struct {
	id   block.ID
	size int
	uses []use
}

// A use is a block by its number in a disk.
type use struct {
	victim *victim
	n      int64
}

// A lostLeaf has blocks that cannot be read and of which nothing is known but the leaf's digest.
type lostLeaf struct {
	index   int64
	leaf    *format.Leaf
	victims []*victim
}

// maxUses bounds how many places of a lost block are kept in mind: each may have other donors.
const maxUses = 16

// find walks all maps for what is lost and named. Subtrees that are whole are walked once.
func (p *repair) find(ctx context.Context) error {
	p.wanted = &wanted{
		nodes: map[format.Address]*lostNode{}, blocks: map[format.Address]*lostBlock{}, leaves: map[string]*lostLeaf{}, named: marks{},
	}
	known := map[nodePlace]block.Digest{}
	for _, v := range p.donors.victims {
		f := &finder{p: p, v: v, known: known}
		if _, err := v.im.tree.Survey(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// A finder is the walk over one disk's map. It implements imagemap.Surveyor.
type finder struct {
	p     *repair
	v     *victim
	known map[nodePlace]block.Digest
}

func (f *finder) Known(level uint8, index int64, c format.Child) (block.Digest, bool) {
	f.p.wanted.named.add(c.At, 1)
	d, ok := f.known[nodePlace{c.At, c.Hash, level, index}]
	return d, ok
}

func (f *finder) Whole(level uint8, index int64, c format.Child, d block.Digest) {
	f.known[nodePlace{c.At, c.Hash, level, index}] = d
}

func (f *finder) Broken(level uint8, index int64, c format.Child, err error) error {
	if !errors.Is(err, ErrCorrupt) {
		return err
	}
	if c.Kind != format.Data {
		return nil // a digest that is not the sum: no bytes are lost
	}
	n := f.p.wanted.nodes[c.At]
	if n == nil {
		n = &lostNode{c: c, level: level, index: index}
		f.p.wanted.nodes[c.At] = n
	}
	n.victims = f.join(n.victims)
	return nil
}

func (f *finder) Leaf(ctx context.Context, index int64, l *format.Leaf) (whole bool, err error) {
	whole = true
	unknown := false
	for _, r := range l.Runs {
		if r.Kind != format.Data {
			continue
		}
		f.p.wanted.named.add(r.At, r.N)
		for i := r.First; i < r.First+r.N; i++ {
			lost, err := f.p.isLost(ctx, r.Address(i))
			if err != nil {
				return false, err
			}
			if lost && !f.p.salvage(ctx, r.Address(i)) {
				whole = false
				unknown = !f.block(ctx, r.Address(i), index<<format.Log2Leaf+int64(i)) || unknown
			}
		}
	}
	if unknown {
		f.leaf(index, l)
	}
	return whole, nil
}

// block notes a lost block, and tells whether its ID is known.
func (f *finder) block(ctx context.Context, at format.Address, n int64) bool {
	id, err := f.p.r.blockID(ctx, at)
	if err != nil {
		return false
	}
	b := f.p.wanted.blocks[at]
	if b == nil {
		b = &lostBlock{id: id, size: block.Len(n, f.v.d.Size)}
		f.p.wanted.blocks[at] = b
	}
	if len(b.uses) < maxUses && len(f.v.donors) > 0 {
		b.uses = append(b.uses, use{f.v, n})
	}
	return true
}

func (f *finder) leaf(index int64, l *format.Leaf) {
	key := fmt.Sprintf("%d %s", index, l.Marshal())
	w := f.p.wanted.leaves[key]
	if w == nil {
		w = &lostLeaf{index: index, leaf: l}
		f.p.wanted.leaves[key] = w
	}
	w.victims = f.join(w.victims)
}

// join adds this disk to the victims of a loss when somebody may have its bytes.
func (f *finder) join(to []*victim) []*victim {
	if len(to) == maxUses || len(f.v.donors) == 0 {
		return to
	}
	return append(to, f.v)
}

// isLost tells whether the block at an address cannot be read, as far as was looked.
func (p *repair) isLost(ctx context.Context, a format.Address) (bool, error) {
	if p.absent[a.Pack] || p.v.badAt(a) != nil {
		return true, nil
	}
	rd, err := p.r.packs.Reader(ctx, a.Pack)
	if errors.Is(err, ErrCorrupt) {
		p.absent[a.Pack] = true
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return !rd.Has(a.Slot), nil
}

// locate finds where blocks with those IDs lie, as trailers say.
func (p *repair) locate(ctx context.Context, ids map[block.ID][]format.Address) error {
	if len(ids) == 0 {
		return nil
	}
	return p.eachID(ctx, func(id block.ID, a format.Address) {
		if at, ok := ids[id]; ok {
			ids[id] = append(at, a)
		}
	})
}

// eachID gives all IDs of all trailers that can be read.
func (p *repair) eachID(ctx context.Context, do func(block.ID, format.Address)) error {
	packs, err := p.r.allPacks(ctx)
	if err != nil {
		return err
	}
	for _, s := range packs {
		all, err := p.r.packs.IDs(ctx, s.id)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			continue // damage, which is what brings us here
		}
		for slot, id := range all {
			do(id, format.Address{Pack: s.id, Slot: uint16(slot)})
		}
	}
	return nil
}

// guess adds the addresses that the table proposes, also of packs that are lost.
func (p *repair) guess(ids map[block.ID][]format.Address) {
	if p.r.table == nil {
		return
	}
	for id := range ids {
		p.r.table.Lookup(id, func(a format.Address) bool {
			if !slices.Contains(ids[id], a) {
				ids[id] = append(ids[id], a)
			}
			return false
		})
	}
}
