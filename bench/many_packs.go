package main

import (
	"context"
	"fmt"
	"math/rand/v2"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/imagemap"
	"vbfs/index/object"
	"vbfs/index/pack"
	"vbfs/index/seal"
)

// The repository of many packs: a disk of 100,000 packs of 64 blocks, 390 GiB, of blocks that take 400 bytes.
const (
	manyPacks = 100_000
	packSlots = 64
)

// A crowd is a repository of many packs and its only disk.
type crowd struct {
	repo   string
	blocks int64
}

// manyPacks writes packs and map with the parts that the store is made of, as a capture of so much would take hours.
func (l *lab) manyPacks(ctx context.Context) (c crowd, err error) {
	packs := manyPacks
	if l.o.quick {
		packs /= 100
	}
	c.blocks = int64(packs) * packSlots
	c.repo, err = l.makeRepo(ctx, func(dir string, store *object.Local) error {
		fast := hurried{store, dir}
		keys, _, err := ring(ctx, store)
		if err != nil {
			return err
		}
		w := &packer{store: fast, keys: keys, nodes: keys.Nodes(), terms: keys.Digests()}
		return w.write(ctx, c.blocks)
	})
	return c, err
}

// A packer writes a point without a Writer.
type packer struct {
	store object.Store
	keys  *seal.Ring
	enc   *pack.Encoder
	nodes *block.Summer
	terms *block.Summer
	tree  *pack.Appender
}

func (w *packer) write(ctx context.Context, blocks int64) (err error) {
	if w.enc, err = pack.NewEncoder(format.Zstd); err != nil {
		return err
	}
	codec, encoded, id, err := w.sample()
	if err != nil {
		return err
	}
	if w.tree, err = pack.Create(ctx, w.store, w.keys, format.KindTree, format.Mark{}); err != nil {
		return err
	}
	size := blocks << block.Log2Size
	b := imagemap.NewBuilder(size, nil, 0, w.node)
	for leaf := range blocks >> format.Log2Leaf {
		if err := w.leaf(ctx, b, leaf, id, codec, encoded); err != nil {
			return err
		}
	}
	res, err := b.Finish(ctx)
	if err != nil {
		return err
	}
	if err := w.tree.Seal(); err != nil {
		return err
	}
	return w.point(ctx, size, res)
}

// sample gives what every block holds.
func (w *packer) sample() (format.Codec, []byte, block.ID, error) {
	rng := rand.New(rand.NewPCG(1, 2))
	raw := make([]byte, block.Size)
	for i := range 384 {
		raw[i] = byte(rng.Uint32())
	}
	codec, b, err := w.enc.Encode(raw)
	return codec, append([]byte(nil), b...), w.keys.Blocks().Sum(raw), err
}

// leaf writes the packs of one leaf.
func (w *packer) leaf(ctx context.Context, b *imagemap.Builder, number int64, id block.ID, c format.Codec, encoded []byte) error {
	var e imagemap.Edit
	var digest block.Digest
	e.Blank(format.LeafSize)
	for at := 0; at < format.LeafSize; at += packSlots {
		p, err := pack.Create(ctx, w.store, w.keys, format.KindData, format.Mark{})
		if err != nil {
			return err
		}
		for i := at; i < at+packSlots; i++ {
			place, err := p.Append(id, c, encoded)
			if err != nil {
				return err
			}
			e.Set(i, place.At)
			digest = digest.Add(w.terms.Term(number<<format.Log2Leaf+int64(i), id))
		}
		if err := p.Seal(); err != nil {
			return err
		}
	}
	return b.SetLeaf(ctx, number, e.Leaf(digest))
}

// node stores a node of the map.
func (w *packer) node(_ context.Context, _ uint8, node []byte) (format.Child, error) {
	codec, b, err := w.enc.Encode(node)
	if err != nil {
		return format.Child{}, err
	}
	id := w.nodes.Sum(node)
	p, err := w.tree.Append(id, codec, b)
	return format.Child{
		Kind: format.Data, At: p.At, Hash: format.NodeHash(id[:16]), Off: p.Off, Len: uint16(p.Len), Codec: codec,
	}, err
}

func (w *packer) point(ctx context.Context, size int64, res imagemap.Result) error {
	m := format.Manifest{
		Point: format.UUID{1}, Machine: format.UUID{1}, MachineName: machine, Name: "2026-11-20T20-03-27Z", Sequence: 1,
		Disks: []format.Disk{{
			ID: diskName, Name: diskName, Size: size, State: format.DiskOK, Log2Leaf: format.Log2Leaf, Log2Fan: format.Log2Fan,
			Height: res.Height, Root: res.Root, Data: res.Data,
		}},
	}
	if err := putPoint(ctx, w.store, w.keys, &m); err != nil {
		return fmt.Errorf("store point: %w", err)
	}
	return nil
}
