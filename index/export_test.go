package index

import (
	"context"

	"vbfs/index/block"
	"vbfs/index/format"
)

// StoredBlocks counts how often each block is stored, over all data packs.
func (r *Repository) StoredBlocks(ctx context.Context) (map[block.ID]int, error) {
	out := map[block.ID]int{}
	packs, _, err := r.storedPacks(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range packs {
		rd, err := r.packs.Reader(ctx, s.id)
		if err != nil {
			return nil, err
		}
		if rd.Header().Kind != format.KindData {
			continue
		}
		ids, err := rd.IDs(ctx)
		if err != nil {
			return nil, err
		}
		for _, b := range ids {
			out[b]++
		}
	}
	return out, nil
}
