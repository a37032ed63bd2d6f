package pack

import (
	"context"
	"fmt"

	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/seal"
)

// Hinted reads a map node where its parent says that it lies, with nothing of the pack but its first 80 bytes: for packs
// whose trailers are damaged.
func Hinted(ctx context.Context, s object.Store, r *seal.Ring, d *Decoder, c format.Child) ([]byte, error) {
	name := Name(c.At.Pack)
	front := make([]byte, format.PackHeaderSize)
	if err := get(ctx, s, name, front, 0); err != nil {
		return nil, err
	}
	h, err := format.ParsePackHeader(front)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if h.ID != c.At.Pack {
		return nil, fmt.Errorf("%s says that it is pack %v: %w", name, h.ID, ErrCorrupt)
	}
	blocks, _, _, err := r.Pack(h)
	if err != nil {
		return nil, err
	}
	sealed := make([]byte, c.Len)
	if err := get(ctx, s, name, sealed, int64(c.Off)); err != nil {
		return nil, err
	}
	place, nonce := format.BlockPlace(h, c.At.Slot), nonceOf(c.At.Slot)
	b, err := blocks.Open(sealed[:0], nonce[:], sealed, place[:])
	if err != nil {
		return nil, fmt.Errorf("%s: slot %d is not authentic: %w", name, c.At.Slot, ErrCorrupt)
	}
	return d.Decode(nil, c.Codec, b)
}
