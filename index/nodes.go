package index

import (
	"context"
	"fmt"
	"sync"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/pack"
	"vbfs/index/seal"
)

// nodes loads map nodes from tree packs and checks their hashes.
type nodes struct {
	packs   *pack.Set
	summers *sync.Pool // of *block.Summer under the node key
}

// newNodes has a pool that does not lead to packs: the runtime holds pools that were used, with all that they are part of.
func newNodes(packs *pack.Set, ring *seal.Ring) *nodes {
	return &nodes{packs, &sync.Pool{New: func() any { return ring.Nodes() }}}
}

// Load implements imagemap.Nodes.
func (n *nodes) Load(ctx context.Context, c format.Child) ([]byte, error) {
	b, err := n.packs.Block(ctx, c.At)
	if err != nil {
		return nil, err
	}
	s := n.summers.Get().(*block.Summer)
	defer n.summers.Put(s)
	if id := s.Sum(b); format.NodeHash(id[:16]) != c.Hash {
		return nil, fmt.Errorf("map node in pack %v slot %d has another hash: %w", c.At.Pack, c.At.Slot, ErrCorrupt)
	}
	return b, nil
}
