package table

import (
	"iter"

	"vbfs/index/block"
	"vbfs/index/format"
)

// Lookup proposes addresses for a block, those of newer segments first, until try accepts one; it tells whether it did.
// A proposal may be false. Lookup allocates nothing.
func (t *Table) Lookup(id block.ID, try func(format.Address) (accept bool)) bool {
	c := t.acquire()
	defer t.release(c)
	for _, s := range c.segs {
		if a, ok := s.address(id[:keySize]); ok && try(a) {
			return true
		}
	}
	return false
}

// Point gives a point's sealed summary. It may be anything: its seal tells.
func (t *Table) Point(id format.UUID) (sealed []byte, ok bool) {
	c := t.acquire()
	defer t.release(c)
	for _, s := range c.segs {
		if sealed, ok := s.summary(id); ok {
			return sealed, true
		}
	}
	return nil, false
}

// Points gives the catalog in the order of IDs, each ID once. A summary is valid until the next one is taken.
func (t *Table) Points() iter.Seq2[format.UUID, []byte] {
	return func(yield func(format.UUID, []byte) bool) {
		c := t.acquire()
		defer t.release(c)
		var last format.UUID
		var any bool
		for e := range merge(c.segs, pointsOf) {
			var id format.UUID
			if copy(id[:], e.key) < len(id) || any && id == last {
				continue
			}
			if last, any = id, true; !yield(id, e.val) {
				return
			}
		}
	}
}

// Packs gives the packs that the segments name.
func (t *Table) Packs() map[format.PackID]struct{} {
	c := t.acquire()
	defer t.release(c)
	packs := make(map[format.PackID]struct{})
	for _, s := range c.segs {
		for _, p := range s.packIDs() {
			packs[p] = struct{}{}
		}
	}
	return packs
}

// packIDs gives the packs that a segment names, none if it is damaged: so its packs are read again.
func (s *segment) packIDs() []format.PackID {
	var ids []format.PackID
	c := s.packs.cursor()
	for s.good() && c.next() {
		if id := (format.PackID{}); copy(id[:], c.key) == len(c.key) {
			ids = append(ids, id)
		}
	}
	if c.err != nil {
		s.fail(c.err)
	}
	if !s.good() {
		return nil
	}
	return ids
}
