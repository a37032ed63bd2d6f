package index

import (
	"context"
	"slices"
	"sync"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/pack"
)

// A newPack is a pack of blocks on its way in. One worker appends to it; any writer that names blocks of it may make it durable.
type newPack struct {
	shelf *shelf
	id    format.PackID
	heirs []*lookup // who may name it, when it has begun to be made durable; guarded by the shelf's mu

	mu  sync.Mutex     // guards all below; held over writes, and taken before the shelf's
	in  *pack.Appender // nil once it is durable, or lost
	err error          // why it is lost
}

// newPack begins a pack by the writer with that mark.
func (r *Repository) newPack(ctx context.Context, mark format.Mark) (*newPack, error) {
	in, err := pack.Create(ctx, r.store, r.ring, format.KindData, mark)
	if err != nil {
		return nil, err
	}
	p := &newPack{shelf: r.shelf, id: in.ID(), in: in}
	r.shelf.begin(p)
	return p, nil
}

// append stores a block, unless the pack takes no more.
func (p *newPack) append(id block.ID, c format.Codec, b []byte) (place pack.Place, ok bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.in == nil || p.in.Full() {
		return place, false, p.err
	}
	if place, err = p.in.Append(id, c, b); err != nil {
		p.lose(err)
		return place, false, err
	}
	p.shelf.add(id, place.At)
	return place, true, nil
}

// seal makes the pack durable, if it is not yet. The error is why it is lost.
func (p *newPack) seal() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.in == nil {
		return p.err
	}
	p.shelf.sealing(p)
	if err := p.in.Seal(); err != nil {
		p.lose(err)
		return err
	}
	p.shelf.keep(p, p.in.Len())
	p.in = nil
	return nil
}

// lose gives the pack up. The caller holds mu.
func (p *newPack) lose(err error) {
	p.in.Abort() // of what is lost already
	p.shelf.lose(p)
	p.in, p.err = nil, err
}

// mayBeNamedBy tells whether the pack, when it is durable at last, will be so since the writer listed gc/. The caller holds the
// shelf's mu.
func (p *newPack) mayBeNamedBy(l *lookup) bool {
	return p.heirs == nil || slices.Contains(p.heirs, l)
}
