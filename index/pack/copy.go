package pack

import (
	"context"

	"vbfs/index/block"
	"vbfs/index/format"
)

// copyAtOnce is how many slots are read at once to be copied: up to 4 MiB.
const copyAtOnce = 64

// A Copier copies slots into bundles, with buffers that are made once. It belongs to one goroutine.
type Copier struct {
	p       *Reader
	b       *Bundler
	ids     []block.ID
	sealed  []byte
	scratch []byte
}

// NewCopier makes a copier.
func NewCopier() *Copier {
	return &Copier{sealed: make([]byte, 0, copyAtOnce*format.MaxBlock), scratch: make([]byte, 0, format.MaxBlock)}
}

// Copy adds to a bundle the slots of a pack that keep wants, as they are sealed. Each is opened first: damage is not carried
// on, and what was added before it was found is whole.
func (c *Copier) Copy(ctx context.Context, p *Reader, b *Bundler, keep func(slot uint16) bool) error {
	ids, err := p.IDs(ctx)
	if err != nil {
		return err
	}
	c.p, c.b, c.ids = p, b, ids
	for first := 0; first < p.Len(); {
		n := 0
		for first+n < p.Len() && n < copyAtOnce && p.Has(uint16(first+n)) && keep(uint16(first+n)) {
			n++
		}
		if n == 0 {
			first++
			continue
		}
		if n, err = c.copy(ctx, uint16(first), n); err != nil {
			return err
		}
		first += n
	}
	return nil
}

// copy copies as many of n slots as lie side by side.
func (c *Copier) copy(ctx context.Context, first uint16, n int) (got int, err error) {
	span, n, err := c.p.Span(first, n)
	if err != nil {
		return 0, err
	}
	buf := c.sealed[:span.Len]
	if err := c.p.Sealed(ctx, buf, span); err != nil {
		return 0, err
	}
	if err := c.check(first, n, buf); err != nil {
		return 0, err
	}
	for i := range n {
		slot := first + uint16(i)
		one, _, err := c.p.Span(slot, 1)
		if err != nil {
			return 0, err
		}
		s := format.PartSlot{Number: slot, Slot: format.Slot{Len: uint32(one.Len), Codec: c.p.codecs[slot]}}
		c.b.note(c.p.headerOf(slot), s, c.ids[slot])
	}
	return n, c.b.write(buf)
}

// check opens n slots that lie side by side.
func (c *Copier) check(first uint16, n int, sealed []byte) error {
	for i := range n {
		slot := first + uint16(i)
		one, _, err := c.p.Span(slot, 1)
		if err != nil {
			return err
		}
		if _, err := c.p.unseal(slot, c.scratch, sealed[:one.Len]); err != nil {
			return err
		}
		sealed = sealed[one.Len:]
	}
	return nil
}
