package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/seal"
)

// Salvage opens a pack whose footer is damaged or cut off: the slots' lengths before it are sealed, so that only their true
// number and place open them. At worst 16,384 numbers are tried at three places, which takes some seconds.
func Salvage(ctx context.Context, s object.Store, r *seal.Ring, id format.PackID) (*Reader, error) {
	info, err := s.Stat(ctx, Name(id))
	if errors.Is(err, object.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", Name(id), ErrMissing)
	}
	if err != nil {
		return nil, err
	}
	tail := make([]byte, min(info.Size, format.PackFooterSize+format.TagSize+format.SlotSize*maxSlots))
	if err := get(ctx, s, Name(id), tail, info.Size-int64(len(tail))); err != nil {
		return nil, err
	}
	h, err := salvageHeader(ctx, s, id, tail)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Name(id), err)
	}
	p := &Reader{store: s, homes: []home{{name: Name(id), header: h}}, footer: format.PackFooter{Header: h}}
	if err := p.salvage(ctx, r, tail, info.Size); err != nil {
		return nil, fmt.Errorf("%s: %w", Name(id), err)
	}
	return p, nil
}

// salvageHeader reads the header at the pack's begin, else the footer's copy.
func salvageHeader(ctx context.Context, s object.Store, id format.PackID, tail []byte) (h format.PackHeader, err error) {
	front := make([]byte, format.PackHeaderSize)
	if err := get(ctx, s, Name(id), front, 0); err != nil {
		return h, err
	}
	for _, b := range [][]byte{front, tail[max(0, len(tail)-format.PackFooterSize):]} {
		if h, err = format.ParsePackHeader(b); err == nil && h.ID == id {
			return h, nil
		}
	}
	return h, errors.Join(ErrCorrupt, err)
}

// salvage finds the slots' lengths in the pack's end.
func (p *Reader) salvage(ctx context.Context, r *seal.Ring, tail []byte, size int64) error {
	own := &p.homes[0]
	blocks, idsC, slotsC, err := r.Pack(own.header)
	if err != nil {
		return err
	}
	own.blocks, p.idsC = blocks, idsC
	var nonce [12]byte
	scratch := make([]byte, 0, len(tail))
	for _, end := range slotsEnds(tail, own.header) {
		for n := 1; n <= maxSlots; n++ {
			p.footer.Slots = n
			begin := end - p.footer.SlotsLen()
			if begin < 0 {
				break
			}
			if n%1024 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if _, err := slotsC.Open(scratch, nonce[:], tail[begin:end], format.SectionPlace(format.KindSlots, p.footer)); err != nil {
				continue
			}
			p.footer.End = size - int64(len(tail)-begin) - int64(p.footer.IDsLen())
			return p.readSlots(slotsC, tail[begin:end])
		}
	}
	return fmt.Errorf("no slot lengths: %w", ErrCorrupt)
}

// slotsEnds gives where the slots' lengths may end, the likeliest first: before what is left of a footer, which begins as the
// header does, at the pack's end, or before a footer of which nothing is right.
func slotsEnds(tail []byte, h format.PackHeader) (out []int) {
	whole := max(0, len(tail)-format.PackFooterSize)
	header := h.AppendTo(nil)
	for end := whole; end < len(tail); end++ {
		if n := min(len(tail)-end, len(header)); bytes.Equal(tail[end:][:n], header[:n]) {
			out = append(out, end)
		}
	}
	return append(out, len(tail), whole)
}
