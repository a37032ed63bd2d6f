package index

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"vbfs/index/format"
	"vbfs/index/pack"
)

// Progress counts long work. It may be read while the work goes on.
type Progress struct {
	Total, Done atomic.Int64 // bytes of packs
	Points      atomic.Int64 // whose maps were walked
	Seen        atomic.Int64 // bytes of packs and bundles that were looked at
	Packs, Read atomic.Int64 // packs and bundles of which every byte was read, and their bytes
}

// A storedPack is a pack that is in the repository.
type storedPack struct {
	id   format.PackID
	size int64
}

// storedPacks lists the packs, and what lies among them and is none.
func (r *Repository) storedPacks(ctx context.Context) (packs []storedPack, foreign []string, err error) {
	for info, err := range r.store.List(ctx, packsFolder) {
		if err != nil {
			return nil, nil, fmt.Errorf("list packs: %w", err)
		}
		id, err := format.ParsePackID(info.Name[strings.LastIndexByte(info.Name, '/')+1:])
		if err != nil || pack.Name(id) != info.Name {
			foreign = append(foreign, info.Name)
			continue
		}
		packs = append(packs, storedPack{id, info.Size})
	}
	return packs, foreign, nil
}

// allPacks lists the packs, and those that were moved, whose size is not known.
func (r *Repository) allPacks(ctx context.Context) ([]storedPack, error) {
	packs, _, err := r.storedPacks(ctx)
	if err != nil {
		return nil, err
	}
	m, err := r.packs.Moves(ctx)
	if err != nil {
		return nil, err
	}
	there := make(map[format.PackID]bool, len(packs))
	for _, s := range packs {
		there[s.id] = true
	}
	for _, move := range m.Moved {
		if !there[move.Pack] {
			there[move.Pack] = true
			packs = append(packs, storedPack{id: move.Pack})
		}
	}
	return packs, nil
}

// expect adds packs to what there is to do.
func (p *Progress) expect(packs []storedPack) {
	for _, s := range packs {
		p.Total.Add(s.size)
	}
}
