package imagemap

import (
	"context"
	"errors"

	"vbfs/index/format"
	"vbfs/index/lru"
)

// A Cache keeps decoded nodes up to a bound in bytes. Maps of one repository share it; it is safe for concurrent use.
type Cache struct {
	nodes *lru.Cache[cacheKey, node]
}

type cacheKey struct {
	at   format.Address
	hash format.NodeHash
}

// What a cached node takes: 256 bytes for its struct and the cache's book-keeping, then the entries.
const (
	nodeCost  = 256
	runCost   = 40
	childCost = 40
)

// NewCache makes a cache of up to max bytes. A leaf takes between 300 bytes and 10 KiB, an inner node 10 KiB.
func NewCache(max int64) *Cache { return &Cache{lru.New[cacheKey, node](max)} }

// load gives a stored node. Callers that miss the same one at once share a load, but not the loader's cancellation.
func (c *Cache) load(ctx context.Context, level uint8, at format.Child, nodes Nodes) (node, error) {
	key := cacheKey{at.At, at.Hash}
	if n, ok := c.nodes.Get(key); ok {
		return n, nil
	}
	for {
		if err := ctx.Err(); err != nil {
			return node{}, err
		}
		mine := false
		n, err := c.nodes.GetOrLoad(key, func() (node, int64, error) {
			mine = true
			return fetch(ctx, level, at, nodes)
		})
		if mine || !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			return n, err
		}
	}
}

func fetch(ctx context.Context, level uint8, at format.Child, nodes Nodes) (node, int64, error) {
	b, err := nodes.Load(ctx, at)
	if err != nil {
		return node{}, 0, err
	}
	n, err := decode(level, b)
	if err != nil {
		return node{}, 0, err
	}
	if n.leaf != nil {
		return n, nodeCost + runCost*int64(len(n.leaf.Runs)), nil
	}
	return n, nodeCost + childCost*int64(len(n.inner.Children)), nil
}
