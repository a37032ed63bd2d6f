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
	case keyringFolder:
		return r.dumpKeyring(ctx, name)
	case pointsFolder:
		m, err := r.openManifest(ctx, name)
		if err == nil && m == nil {
			return "void", nil
		}
		return m, err
	case packsFolder:
		return r.dumpPack(ctx, name)
	case bundlesFolder:
		return r.dumpBundle(ctx, name)
	}
	if k, v := recordOf(folder, name); v != nil {
		return v, r.get(ctx, k, name, v)
	}
	return nil, fmt.Errorf("%s: dump decodes config and what lies in keys, keyring, sessions, pending, points, notes, packs, bundles, moves, gc and verified", name)
}

// recordOf gives an empty record of what the objects of a folder hold, nil when they hold none.
func recordOf(folder, name string) (format.Kind, record) {
	switch folder {
	case sessionsFolder:
		return format.KindSession, new(format.Session)
	case pendingFolder:
		return format.KindPending, new(format.Manifest)
	case notesFolder:
		return format.KindNote, new(format.Note)
	case movesFolder:
		return format.KindMoves, new(format.Moves)
	case verifiedFolder:
		return format.KindVerified, new(format.Verified)
	case gcFolder:
		if strings.HasSuffix(name, collectedSuffix) {
			return format.KindCollected, new(format.Collected)
		}
		return format.KindCollection, new(format.Collection)
	}
	return 0, nil
}

// A KeyringDump is a keyring without its keys.
type KeyringDump struct {
	Masters []uint32 // numbers
	Slots   []string // IDs of those that count
}

func (r *Repository) dumpKeyring(ctx context.Context, name string) (*KeyringDump, error) {
	k, err := readKeyring(ctx, r.store, r.root, name)
	if err != nil {
		return nil, err
	}
	d := &KeyringDump{Slots: k.Slots}
	for _, m := range k.Masters {
		d.Masters = append(d.Masters, m.Number)
	}
	return d, nil
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
	return r.dumpSlots(ctx, rd)
}

// dumpSlots decodes the slots that a reader has.
func (r *Repository) dumpSlots(ctx context.Context, rd *pack.Reader) (*PackDump, error) {
	ids, err := rd.IDs(ctx)
	if err != nil {
		return nil, err
	}
	h := rd.Header()
	d := &PackDump{ID: h.ID.String(), Kind: h.Kind.String(), Key: h.Key, Bytes: rd.Size()}
	for slot := range rd.Len() {
		if !rd.Has(uint16(slot)) {
			continue
		}
		s, err := r.dumpSlot(ctx, rd, uint16(slot), ids[slot])
		if err != nil {
			return nil, err
		}
		d.Blocks = append(d.Blocks, s)
	}
	return d, nil
}

// A BundleDump is a bundle decoded.
type BundleDump struct {
	ID    string
	Key   uint32
	Bytes int64
	Parts []PackDump
}

func (r *Repository) dumpBundle(ctx context.Context, name string) (*BundleDump, error) {
	id, err := format.ParsePackID(name[strings.LastIndexByte(name, '/')+1:])
	if err != nil {
		return nil, err
	}
	b, err := pack.OpenBundle(ctx, r.store, r.ring, id)
	if err != nil {
		return nil, err
	}
	d := &BundleDump{ID: id.String(), Key: b.Header().Key, Bytes: b.Size()}
	for i := range b.Parts() {
		rd, err := b.Reader(i)
		if err != nil {
			return nil, err
		}
		part, err := r.dumpSlots(ctx, rd)
		if err != nil {
			return nil, err
		}
		d.Parts = append(d.Parts, *part)
	}
	return d, nil
}

func (r *Repository) dumpSlot(ctx context.Context, rd *pack.Reader, slot uint16, id block.ID) (s SlotDump, err error) {
	s = SlotDump{Slot: int(slot), Codec: rd.Codec(slot).String(), ID: id.String()}
	span, _, err := rd.Span(slot, 1)
	if s.Offset, s.Stored = span.Off, int(span.Len); err != nil || rd.Header().Kind == format.KindData {
		return s, err
	}
	b, err := rd.Block(ctx, r.packs.Decoder(), slot)
	if err != nil {
		return s, err
	}
	s.Node, err = format.DecodeNode(b)
	return s, err
}
