package index

import (
	"context"
	"iter"

	"vbfs/index/block"
	"vbfs/index/format"
)

// A draft is a leaf as a donor's bytes would have it: which blocks, and not yet where they lie.
type draft struct {
	victim *victim
	name   string // of the donor
	index  int64
	ids    []block.ID // zero for zero blocks
	digest block.Digest
}

// draft reads what a donor has of a leaf; nil when it does not have all of it.
func (p *repair) draft(v *victim, donor donor, index int64) *draft {
	sum, digests := p.r.ring.Blocks(), p.r.ring.Digests()
	first := index << format.Log2Leaf
	d := &draft{victim: v, name: donor.name, index: index}
	for n := first; n < min(first+format.LeafSize, v.d.Blocks()); n++ {
		b := donor.blockOf(n, v.d.Size)
		if b == nil {
			return nil
		}
		if block.IsZero(b) {
			d.ids = append(d.ids, block.ID{})
			continue
		}
		id := sum.Sum(b)
		d.ids = append(d.ids, id)
		d.digest = d.digest.Add(digests.Term(n, id))
	}
	return d
}

// empty tells whether all is zero.
func (d *draft) empty() bool { return d.digest == block.Digest{} }

// want adds the blocks that have to be found.
func (d *draft) want(ids map[block.ID][]format.Address) {
	for _, id := range d.ids {
		if id != (block.ID{}) {
			ids[id] = nil
		}
	}
}

// maxPacks bounds how many packs are tried as the one that a leaf named rather than others.
const maxPacks = 16

// leaves gives the leaves that the draft can be, the likeliest first. Blocks that lie in several places make for several:
// the writer took what the disk had there before, else what one pack has, for which each pack is tried.
func (d *draft) leaves(ctx context.Context, p *repair, where map[block.ID][]format.Address) iter.Seq[*format.Leaf] {
	return func(yield func(*format.Leaf) bool) {
		before := d.before(ctx, p)
		packs := []format.PackID{{}}
		ambiguous := false
		for _, id := range d.ids {
			if id == (block.ID{}) {
				continue
			}
			if len(where[id]) == 0 {
				return
			}
			ambiguous = ambiguous || len(where[id]) > 1
			for _, a := range where[id] {
				packs = join(packs, a.Pack)
			}
		}
		for _, inherits := range []bool{true, false} {
			for _, favourite := range packs {
				if !yield(d.leaf(where, before, inherits, favourite)) || !ambiguous {
					return
				}
			}
		}
	}
}

func join(packs []format.PackID, id format.PackID) []format.PackID {
	for _, p := range packs {
		if p == id {
			return packs
		}
	}
	if len(packs) == maxPacks {
		return packs
	}
	return append(packs, id)
}

// before gives where the disk has each block at other points.
func (d *draft) before(ctx context.Context, p *repair) []map[format.Address]bool {
	out := make([]map[format.Address]bool, len(d.ids))
	for i := range out {
		out[i] = map[format.Address]bool{}
	}
	for _, im := range p.donors.neighbours(d.victim) {
		if d.index >= im.tree.Leaves() {
			continue
		}
		l, err := im.tree.Leaf(ctx, d.index)
		if err != nil {
			continue
		}
		for _, r := range l.Runs {
			for i := r.First; i < r.First+r.N && i < len(out) && r.Kind == format.Data; i++ {
				out[i][r.Address(i)] = true
			}
		}
	}
	return out
}

// leaf chooses an address for each block.
func (d *draft) leaf(where map[block.ID][]format.Address, before []map[format.Address]bool, inherits bool, favourite format.PackID) *format.Leaf {
	l := &format.Leaf{Digest: d.digest}
	var last format.Address
	for i, id := range d.ids {
		r := format.Run{First: i, N: 1}
		if id != (block.ID{}) {
			r.Kind = format.Data
			r.At = choose(where[id], func(a format.Address) int {
				switch {
				case inherits && before[i][a]:
					return 3
				case a.Pack == favourite:
					return 2
				case a.Pack == last.Pack && a.Slot == last.Slot+1:
					return 1
				}
				return 0
			})
			last = r.At
		}
		l.Append(r)
	}
	return l
}

// choose gives the first address of the highest rank.
func choose(all []format.Address, rank func(format.Address) int) format.Address {
	best := all[0]
	for _, a := range all[1:] {
		if rank(a) > rank(best) {
			best = a
		}
	}
	return best
}
