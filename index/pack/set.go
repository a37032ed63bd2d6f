package pack

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/lru"
	"vbfs/index/object"
	"vbfs/index/seal"
)

// Bounds of what a Set keeps: slots of some 3,000 packs (200 GB of disk), block IDs of some 500, parts of some 30 bundles.
const (
	readersBytes = 32 << 20
	idsBytes     = 32 << 20
	bundlesBytes = 16 << 20
)

// A Set gives the packs of a repository, wherever their slots were moved to, and keeps what it opened within bounds. It is
// safe for concurrent use.
type Set struct {
	store     object.Store
	ring      *seal.Ring
	dec       *Decoder
	readers   *lru.Cache[format.PackID, *Reader]
	ids       *lru.Cache[format.PackID, []block.ID]
	bundles   *lru.Cache[format.PackID, *Bundle]
	bundleIDs *lru.Cache[format.PackID, []block.ID]

	mu    sync.Mutex
	moves *Moves // the newest that was read; nil before
}

// NewSet makes the set of a repository's packs.
func NewSet(s object.Store, r *seal.Ring) (*Set, error) {
	dec, err := NewDecoder()
	if err != nil {
		return nil, err
	}
	return &Set{
		store: s, ring: r, dec: dec,
		readers:   lru.New[format.PackID, *Reader](readersBytes),
		ids:       lru.New[format.PackID, []block.ID](idsBytes),
		bundles:   lru.New[format.PackID, *Bundle](bundlesBytes),
		bundleIDs: lru.New[format.PackID, []block.ID](idsBytes),
	}, nil
}

// Reader gives a pack's reader. A pack that is not there, or is damaged, may have been moved.
func (s *Set) Reader(ctx context.Context, id format.PackID) (*Reader, error) {
	return s.readers.GetOrLoad(id, func() (*Reader, int64, error) {
		r, err := s.open(context.WithoutCancel(ctx), id)
		if err != nil {
			return nil, 0, err
		}
		return r, r.cost(), nil
	})
}

func (s *Set) open(ctx context.Context, id format.PackID) (*Reader, error) {
	r, err := Open(ctx, s.store, s.ring, id)
	if !errors.Is(err, format.ErrMalformed) {
		return r, err
	}
	parts, movesErr := s.parts(ctx, id)
	if movesErr != nil || len(parts) == 0 {
		return nil, errors.Join(err, movesErr)
	}
	return newMoved(s.store, s.ring, parts, s.idsOf)
}

// Moved reads the slots of a pack that lie in bundles. ErrMissing when there are none.
func (s *Set) Moved(ctx context.Context, id format.PackID) (*Reader, error) {
	parts, err := s.parts(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("pack %v was not moved: %w", id, ErrMissing)
	}
	return newMoved(s.store, s.ring, parts, s.idsOf)
}

// Moves gives the newest record of moves.
func (s *Set) Moves(ctx context.Context) (*Moves, error) {
	s.mu.Lock()
	known := s.moves
	s.mu.Unlock()
	m, err := LoadMoves(ctx, s.store, s.ring, known)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.moves == nil || m.N > s.moves.N {
		s.moves = m
	}
	return m, nil
}

// parts gives the parts of bundles that hold slots of a pack. A bundle that is gone was itself moved from meanwhile, or is
// lost: then, as of one that is damaged, what others hold counts.
func (s *Set) parts(ctx context.Context, id format.PackID) ([]heldPart, error) {
	for try := 1; ; try++ {
		m, err := s.Moves(ctx)
		if err != nil {
			return nil, err
		}
		out, err := s.partsIn(ctx, id, m.Bundles(id))
		if errors.Is(err, ErrMissing) && try < movesTries {
			continue
		}
		if len(out) > 0 && errors.Is(err, format.ErrMalformed) {
			err = nil
		}
		return out, err
	}
}

func (s *Set) partsIn(ctx context.Context, id format.PackID, bundles []format.PackID) (out []heldPart, all error) {
	for _, b := range bundles {
		bundle, err := s.Bundle(ctx, b)
		if errors.Is(err, format.ErrMalformed) {
			all = errors.Join(all, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		for i := range bundle.parts {
			if bundle.parts[i].Header.ID == id {
				out = append(out, heldPart{bundle, i})
			}
		}
	}
	return out, all
}

// Bundle gives a bundle's trailer.
func (s *Set) Bundle(ctx context.Context, id format.PackID) (*Bundle, error) {
	return s.bundles.GetOrLoad(id, func() (*Bundle, int64, error) {
		b, err := OpenBundle(context.WithoutCancel(ctx), s.store, s.ring, id)
		if err != nil {
			return nil, 0, err
		}
		return b, b.cost(), nil
	})
}

func (s *Set) idsOf(ctx context.Context, b *Bundle) ([]block.ID, error) {
	return s.bundleIDs.GetOrLoad(b.ID(), func() ([]block.ID, int64, error) {
		ids, err := b.IDs(context.WithoutCancel(ctx))
		return ids, int64(len(ids)) * format.IDSize, err
	})
}

// IDs gives the block IDs of a pack's slots; zero for slots that were collected, or whose IDs are lost. When those of the pack
// are damaged, they are what bundles tell.
func (s *Set) IDs(ctx context.Context, id format.PackID) ([]block.ID, error) {
	return s.ids.GetOrLoad(id, func() ([]block.ID, int64, error) {
		var ids []block.ID
		err := s.Use(ctx, id, func(r *Reader) (err error) {
			ids, err = r.IDs(context.WithoutCancel(ctx))
			return err
		})
		if errors.Is(err, format.ErrMalformed) {
			if moved, movedErr := s.Moved(ctx, id); movedErr == nil {
				ids, err = moved.IDs(context.WithoutCancel(ctx))
			}
		}
		return ids, int64(len(ids)) * format.IDSize, err
	})
}

// Use runs work with a pack's reader, and again with a new one when what that one reads was moved or deleted meanwhile: a
// few times, as one collection may follow the other.
func (s *Set) Use(ctx context.Context, id format.PackID, work func(*Reader) error) error {
	for try := 1; ; try++ {
		r, err := s.Reader(ctx, id)
		if err != nil {
			return err
		}
		if err = work(r); !errors.Is(err, ErrMissing) || try == movesTries {
			return err
		}
		s.readers.Remove(id)
	}
}

// Block reads one block: where it lies, or where repair put it anew.
func (s *Set) Block(ctx context.Context, a format.Address) (b []byte, err error) {
	err = s.Use(ctx, a.Pack, func(r *Reader) (err error) {
		b, err = r.Block(ctx, s.dec, a.Slot)
		return err
	})
	if !errors.Is(err, format.ErrMalformed) {
		return b, err
	}
	if again, ok := s.healed(ctx, a); ok {
		return again, nil
	}
	return nil, err
}

// healed looks for a good copy of a damaged block in bundles.
func (s *Set) healed(ctx context.Context, a format.Address) ([]byte, bool) {
	parts, err := s.parts(ctx, a.Pack)
	if err != nil {
		return nil, false
	}
	for _, h := range parts {
		r, err := h.bundle.Reader(h.part)
		if err != nil || !r.Has(a.Slot) {
			continue
		}
		if b, err := r.Block(ctx, s.dec, a.Slot); err == nil {
			return b, true
		}
	}
	return nil, false
}

// Decoder is for callers that read several blocks at once.
func (s *Set) Decoder() *Decoder { return s.dec }

// Forget drops what is kept of a pack, so that the next use reads the repository again.
func (s *Set) Forget(id format.PackID) {
	s.readers.Remove(id)
	s.ids.Remove(id)
}

// ForgetAll drops all that is kept.
func (s *Set) ForgetAll() {
	s.readers.Clear()
	s.ids.Clear()
	s.bundles.Clear()
	s.bundleIDs.Clear()
}
