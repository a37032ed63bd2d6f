package index

import (
	"context"
	"errors"

	"vbfs/index/object"
)

// A foreteller is a store that can tell beforehand that it would let nobody delete an object: ErrAppendOnly.
type foreteller interface {
	MayDelete(ctx context.Context, name string) error
}

// mayDelete refuses, before anything is changed, what would end halfway. A store that cannot tell says it when it happens.
func mayDelete(ctx context.Context, s object.Store, names ...string) error {
	f, ok := s.(foreteller)
	if !ok {
		return nil
	}
	for _, name := range names {
		if err := f.MayDelete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// AppendOnly tells whether the storage is known to let nobody delete points or packs here: then forget and prune have to
// run where it does.
func (r *Repository) AppendOnly(ctx context.Context) (bool, error) {
	err := mayDelete(ctx, r.store, pointsFolder+"/any", packsFolder+"/any")
	if errors.Is(err, ErrAppendOnly) {
		return true, nil
	}
	return false, err
}
