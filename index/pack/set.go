package pack

import (
	"context"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/lru"
	"vbfs/index/object"
	"vbfs/index/seal"
)

// Bounds of what a Set keeps: slots of some 3,000 packs (200 GB of disk) and block IDs of some 500.
const (
	readersBytes = 32 << 20
	idsBytes     = 32 << 20
)

// A Set gives the packs of a repository and keeps what it opened within bounds. It is safe for concurrent use.
type Set struct {
	store   object.Store
	ring    *seal.Ring
	dec     *Decoder
	readers *lru.Cache[format.PackID, *Reader]
	ids     *lru.Cache[format.PackID, []block.ID]
}

// NewSet makes the set of a repository's packs.
func NewSet(s object.Store, r *seal.Ring) (*Set, error) {
	dec, err := NewDecoder()
	if err != nil {
		return nil, err
	}
	return &Set{
		store: s, ring: r, dec: dec,
		readers: lru.New[format.PackID, *Reader](readersBytes),
		ids:     lru.New[format.PackID, []block.ID](idsBytes),
	}, nil
}

// Reader gives a pack's reader.
func (s *Set) Reader(ctx context.Context, id format.PackID) (*Reader, error) {
	return s.readers.GetOrLoad(id, func() (*Reader, int64, error) {
		r, err := Open(context.WithoutCancel(ctx), s.store, s.ring, id)
		if err != nil {
			return nil, 0, err
		}
		return r, r.cost(), nil
	})
}

// IDs gives the block IDs of a pack's slots.
func (s *Set) IDs(ctx context.Context, id format.PackID) ([]block.ID, error) {
	return s.ids.GetOrLoad(id, func() ([]block.ID, int64, error) {
		r, err := s.Reader(ctx, id)
		if err != nil {
			return nil, 0, err
		}
		ids, err := r.IDs(context.WithoutCancel(ctx))
		return ids, int64(len(ids)) * format.IDSize, err
	})
}

// Block reads one block.
func (s *Set) Block(ctx context.Context, a format.Address) ([]byte, error) {
	r, err := s.Reader(ctx, a.Pack)
	if err != nil {
		return nil, err
	}
	return r.Block(ctx, s.dec, a.Slot)
}

// Decoder is for callers that read several blocks at once.
func (s *Set) Decoder() *Decoder { return s.dec }

// Forget drops what is kept of a pack, so that the next use reads the repository again.
func (s *Set) Forget(id format.PackID) {
	s.readers.Remove(id)
	s.ids.Remove(id)
}
