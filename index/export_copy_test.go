package index

import (
	"context"

	"vbfs/index/format"
	"vbfs/index/pack"
)

// SlotPlace gives the object in which a slot lies, and where its sealed bytes begin and how many they are.
func (r *Repository) SlotPlace(ctx context.Context, a format.Address) (name string, off, n int64, err error) {
	rd, err := r.packs.Reader(ctx, a.Pack)
	if err != nil {
		return "", 0, 0, err
	}
	span, _, err := rd.Span(a.Slot, 1)
	return pack.Name(a.Pack), span.Off, span.Len, err
}
