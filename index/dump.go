package index

import (
	"context"
	"fmt"
	"strings"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/pack"
)

// A PackDump is a pack decoded.
type PackDump struct {
	ID     string
	Kind   string
	Key    uint32
	Bytes  int64
	Blocks []SlotDump
}

// A SlotDump is one slot of a pack.
type SlotDump struct {
	Slot   int
	Offset int64
	Stored int // bytes, with the tag
	Codec  string
	ID     string
	Node   any `json:",omitempty"` // of a tree pack: the map node
}

// Dump decodes one object, for people: what it gives encodes to JSON. No key is in it.
func (r *Repository) Dump(ctx context.Context, name string) (any, error) {
	if err := object.CheckName(name); err != nil {
		return nil, err
	}
	folder, _, _ := strings.Cut(name, "/")
	switch folder {
	case configName:
		c, _, err := readConfig(ctx, r.store)
		return &c, err
	case keysFolder:
		return readSlot(ctx, r.store, name)
	case sessionsFolder:
		return r.session(ctx, name)
	case pointsFolder:
		m, err := r.openManifest(ctx, name)
		if err == nil && m == nil {
			return "void", nil
		}
		return m, err
	case packsFolder:
		return r.dumpPack(ctx, name)
	}
	return nil, fmt.Errorf("%s: dump knows config, keys, sessions, points and packs", name)
}

func (r *Repository) dumpPack(ctx context.Context, name string) (*PackDump, error) {
	id, err := format.ParsePackID(name[strings.LastIndexByte(name, '/')+1:])
	if err != nil {
		return nil, err
	}
	rd, err := pack.Open(ctx, r.store, r.ring, id)
	if err != nil {
		return nil, err
	}
	ids, err := rd.IDs(ctx)
	if err != nil {
		return nil, err
	}
	h := rd.Header()
	d := &PackDump{ID: id.String(), Kind: h.Kind.String(), Key: h.Key, Bytes: rd.Size()}
	for slot := range rd.Len() {
		s, err := r.dumpSlot(ctx, rd, uint16(slot), ids[slot])
		if err != nil {
			return nil, err
		}
		d.Blocks = append(d.Blocks, s)
	}
	return d, nil
}

func (r *Repository) dumpSlot(ctx context.Context, rd *pack.Reader, slot uint16, id block.ID) (s SlotDump, err error) {
	s = SlotDump{Slot: int(slot), Codec: rd.Codec(slot).String(), ID: id.String()}
	if s.Offset, s.Stored, err = rd.Span(slot, 1); err != nil || rd.Header().Kind == format.KindData {
		return s, err
	}
	b, err := rd.Block(ctx, r.packs.Decoder(), slot)
	if err != nil {
		return s, err
	}
	s.Node, err = format.DecodeNode(b)
	return s, err
}
