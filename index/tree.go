package index

import (
	"context"
	"fmt"
	"sync"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/pack"
	"vbfs/index/table"
)

// A treeWriter stores the map nodes of all disks of a point, in packs of their own. It is safe for concurrent use.
type treeWriter struct {
	repo *Repository
	enc  *pack.Encoder
	mark format.Mark

	mu     sync.Mutex // guards all below
	sum    *block.Summer
	pack   *pack.Appender // nil until there is a node
	own    map[format.PackID]bool
	sealed []table.Entry // the first node of each, so that the table names the pack
}

func newTreeWriter(r *Repository, mark format.Mark) (*treeWriter, error) {
	enc, err := pack.NewEncoder(format.Zstd)
	if err != nil {
		return nil, err
	}
	return &treeWriter{repo: r, enc: enc, mark: mark, sum: r.ring.Nodes(), own: map[format.PackID]bool{}}, nil
}

// store is an imagemap.Store.
func (t *treeWriter) store(ctx context.Context, node []byte) (format.Child, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.room(ctx); err != nil {
		return format.Child{}, err
	}
	codec, b, err := t.enc.Encode(node)
	if err != nil {
		return format.Child{}, fmt.Errorf("map node: %w", err)
	}
	id := t.sum.Sum(node)
	p, err := t.pack.Append(id, codec, b)
	if err != nil {
		return format.Child{}, err
	}
	return format.Child{
		Kind: format.Data, At: p.At, Hash: format.NodeHash(id[:16]), Off: p.Off, Len: uint16(p.Len), Codec: codec,
	}, nil
}

// room sees to a pack that is not full.
func (t *treeWriter) room(ctx context.Context) (err error) {
	if t.pack != nil && t.pack.Full() {
		if err := t.seal(); err != nil {
			return err
		}
	}
	if t.pack == nil {
		if t.pack, err = pack.Create(ctx, t.repo.store, t.repo.ring, format.KindTree, t.mark); err != nil {
			return err
		}
		t.own[t.pack.ID()] = true
	}
	return nil
}

// seal makes the open pack durable.
func (t *treeWriter) seal() error {
	if t.pack == nil {
		return nil
	}
	p := t.pack
	t.pack = nil
	if err := p.Seal(); err != nil {
		return err
	}
	t.sealed = append(t.sealed, entry(p.Block(0), format.Address{Pack: p.ID()}))
	return nil
}

// owns tells whether a pack is of this writer.
func (t *treeWriter) owns(p format.PackID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.own[p]
}

// named gives what the table has to know of the packs that were sealed since it was asked last.
func (t *treeWriter) named() []table.Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.sealed
	t.sealed = nil
	return out
}

// abort drops the open pack.
func (t *treeWriter) abort() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pack != nil {
		t.pack.Abort()
		t.pack = nil
	}
}
