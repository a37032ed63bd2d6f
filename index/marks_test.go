package index_test

import (
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"

	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/imagemap"
	"vbfs/index/object/objecttest"
)

// named walks the map of every point whole, and gives all that they name and the nodes among it.
func (h *history) named() (slots, nodes map[format.Address]bool) {
	h.t.Helper()
	slots, nodes = map[format.Address]bool{}, map[format.Address]bool{}
	visit := func(_ uint8, _ int64, c format.Child) (bool, error) {
		slots[c.At], nodes[c.At] = true, true
		return true, nil
	}
	run := func(r imagemap.Run) error {
		for n := r.First; n < r.End(); n++ {
			slots[r.Address(n)] = true
		}
		return nil
	}
	for _, m := range h.all {
		if h.holds[m.Point] == nil {
			continue
		}
		if err := imageOf(h.t, h.repo, m).Map().Walk(h.t.Context(), visit, run); err != nil {
			h.t.Fatal(err)
		}
	}
	return slots, nodes
}

// Walks of many points at once mark just what these name, and read each node once.
func TestMarksAreWhatPointsName(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			h := newHistory(t, seed, 400)
			for range 14 {
				h.add(1 + h.r.IntN(60)*h.r.IntN(2)) // half of them share a leaf with the one before
			}
			for range 6 {
				if m := h.all[h.r.IntN(len(h.all))]; m != h.last {
					h.forget(m)
				}
			}
			for range 2 { // then moved, too
				slots, nodes := h.named()
				got, read := h.marked()
				if !maps.Equal(got, slots) {
					t.Errorf("%d slots are marked, %d are named", len(got), len(slots))
				}
				packs := map[format.PackID]bool{}
				for at := range nodes {
					packs[at.Pack] = true
				}
				bundles, _ := h.objects("bundles")
				if trailers := int64(len(packs) + bundles); read < int64(len(nodes)) || read > int64(len(nodes))+trailers {
					t.Errorf("%d reads for %d nodes and %d trailers", read, len(nodes), trailers)
				}
				h.prune(index.PruneOptions{})
			}
		})
	}
}

// marked gives what a collection marks, and how often it read packs and bundles.
func (h *history) marked() (slots map[format.Address]bool, read int64) {
	h.t.Helper()
	var reads atomic.Int64
	store := h.store
	defer func() { h.store = store }()
	h.store = objecttest.NewFault(store, func(op objecttest.Op) objecttest.Act {
		if op.Verb == objecttest.Get && (strings.HasPrefix(op.Name, "packs/") || strings.HasPrefix(op.Name, "bundles/")) {
			reads.Add(1)
		}
		return objecttest.Act{}
	})
	slots, err := h.another().Marked(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return slots, reads.Load()
}
