package pack

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/seal"
)

// BundleName is the object name of a bundle.
func BundleName(id format.PackID) string {
	s := id.String()
	return "bundles/" + s[:2] + "/" + s
}

// A Bundle is the opened trailer of a bundle: which slots of which packs it holds. It is immutable and safe for
// concurrent use.
type Bundle struct {
	store  object.Store
	ring   *seal.Ring
	name   string
	footer format.BundleFooter
	parts  []format.Part
	begins []uint32 // of each part's first block, from the bundle's begin
	firsts []int    // the number of each part's first slot among all
	idsC   cipher.AEAD
}

// OpenBundle reads and checks a bundle's footer and parts. ErrMissing when there is none, ErrCorrupt when it is damaged.
func OpenBundle(ctx context.Context, s object.Store, r *seal.Ring, id format.PackID) (*Bundle, error) {
	b := &Bundle{store: s, ring: r, name: BundleName(id)}
	info, err := s.Stat(ctx, b.name)
	if errors.Is(err, object.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", b.name, ErrMissing)
	}
	if err != nil {
		return nil, err
	}
	if err := b.open(ctx, id, info.Size); err != nil {
		return nil, fmt.Errorf("%s: %w", b.name, err)
	}
	return b, nil
}

func (b *Bundle) open(ctx context.Context, id format.PackID, size int64) error {
	tail, err := readTail(ctx, b.store, b.name, size)
	if err != nil {
		return err
	}
	if b.footer, err = format.ParseBundleFooter(tail[len(tail)-format.PackFooterSize:], size); err != nil {
		return err
	}
	if b.footer.Header.ID != id {
		return fmt.Errorf("says that it is bundle %v: %w", b.footer.Header.ID, ErrCorrupt)
	}
	var partsC cipher.AEAD
	if b.idsC, partsC, err = b.ring.Bundle(b.footer.Header); err != nil {
		return err
	}
	sealed := make([]byte, b.footer.PartsLen())
	if err := get(ctx, b.store, b.name, sealed, size-format.PackFooterSize-int64(len(sealed))); err != nil {
		return err
	}
	return b.readParts(partsC, sealed)
}

func (b *Bundle) readParts(c cipher.AEAD, sealed []byte) error {
	var nonce [12]byte
	plain, err := c.Open(sealed[:0], nonce[:], sealed, format.BundleSection(format.KindParts, b.footer))
	if err != nil {
		return fmt.Errorf("parts: %w", ErrCorrupt)
	}
	if b.parts, err = format.ParseParts(b.footer, plain); err != nil {
		return err
	}
	at, n := uint32(format.PackHeaderSize), 0
	for i := range b.parts {
		b.begins, b.firsts = append(b.begins, at), append(b.firsts, n)
		for _, s := range b.parts[i].Slots {
			at += s.Len
		}
		n += len(b.parts[i].Slots)
	}
	return nil
}

// ID is the bundle's ID.
func (b *Bundle) ID() format.PackID { return b.footer.Header.ID }

// Header is the bundle's header.
func (b *Bundle) Header() format.PackHeader { return b.footer.Header }

// Parts are the slots that the bundle holds. Nobody may change them.
func (b *Bundle) Parts() []format.Part { return b.parts }

// Size is the bundle's length in bytes.
func (b *Bundle) Size() int64 { return b.footer.Size() }

// CheckFront compares the header at the bundle's begin, which reading does without, with the footer's copy.
func (b *Bundle) CheckFront(ctx context.Context) error {
	return checkFront(ctx, b.store, b.name, b.footer.Header)
}

// Reader reads the slots of one part alone.
func (b *Bundle) Reader(part int) (*Reader, error) {
	load := func(ctx context.Context, b *Bundle) ([]block.ID, error) { return b.IDs(ctx) }
	return newMoved(b.store, b.ring, []heldPart{{b, part}}, load)
}

// IDs reads the block IDs of all slots, in the order of the parts.
func (b *Bundle) IDs(ctx context.Context) ([]block.ID, error) {
	sealed := make([]byte, b.footer.IDsLen())
	if err := get(ctx, b.store, b.name, sealed, b.footer.End); err != nil {
		return nil, err
	}
	return openIDs(b.name, b.idsC, sealed, format.BundleSection(format.KindPartIDs, b.footer))
}

// partIDs cuts the block IDs of one part out of those of all.
func (b *Bundle) partIDs(part int, all []block.ID) []block.ID {
	return all[b.firsts[part]:][:len(b.parts[part].Slots)]
}

// cost is what the bundle takes in memory, in bytes.
func (b *Bundle) cost() int64 { return int64(12*b.footer.Slots + 140*b.footer.Parts) }
