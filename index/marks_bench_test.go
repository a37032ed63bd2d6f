package index

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/imagemap"
	"vbfs/index/object"
)

// A chain is the maps of many points of one disk, without its blocks: what a mark walks, and nothing else.
type chain struct {
	repo  *Repository
	size  int64
	r     *rand.Rand
	last  *imagemap.Map
	data  int64
	at    format.Address // the next free slot
	nodes int
}

// chainPack is how many blocks a pack of data holds.
const chainPack = 1000

// add stores a point that changes that many blocks at random.
func (c *chain) add(ctx context.Context, changed int) error {
	tree, err := newTreeWriter(c.repo, format.Mark{})
	if err != nil {
		return err
	}
	b := imagemap.NewBuilder(c.size, c.last, c.data, func(ctx context.Context, _ uint8, node []byte) (format.Child, error) {
		c.nodes++
		return tree.store(ctx, node)
	})
	if err := c.leaves(ctx, b, changed); err != nil {
		return err
	}
	res, err := b.Finish(ctx)
	if err != nil {
		return err
	}
	if err := tree.seal(); err != nil {
		return err
	}
	if c.last, err = imagemap.Open(res.Root, c.size, c.repo.nodes, c.repo.maps); err != nil {
		return err
	}
	c.data = res.Data
	return c.point(ctx, res)
}

func (c *chain) leaves(ctx context.Context, b *imagemap.Builder, changed int) error {
	blocks := map[int64][]int{}
	leaves := c.size >> (block.Log2Size + format.Log2Leaf)
	for range changed {
		n := c.r.Int64N(leaves << format.Log2Leaf)
		blocks[n>>format.Log2Leaf] = append(blocks[n>>format.Log2Leaf], int(n%format.LeafSize))
	}
	for i := range leaves {
		var e imagemap.Edit
		switch {
		case c.last == nil:
			e.Blank(format.LeafSize)
			for n := range format.LeafSize {
				c.put(&e, n)
			}
		case len(blocks[i]) == 0:
			continue
		default:
			old, err := c.last.Leaf(ctx, i)
			if err != nil {
				return err
			}
			e.Open(old)
			for _, n := range blocks[i] {
				c.put(&e, n)
			}
		}
		if err := b.SetLeaf(ctx, i, e.Leaf(block.Digest{Lo: c.r.Uint64()})); err != nil {
			return err
		}
	}
	return nil
}

// put gives a block the next slot.
func (c *chain) put(e *imagemap.Edit, n int) {
	if c.at.Slot++; c.at.Slot == chainPack || c.at.Pack == (format.PackID{}) {
		c.at = format.Address{}
		for i := range c.at.Pack {
			c.at.Pack[i] = byte(c.r.Uint32())
		}
	}
	e.Set(n, c.at)
}

func (c *chain) point(ctx context.Context, res imagemap.Result) error {
	m := format.Manifest{Point: format.UUID{1}, Machine: format.UUID{2}, MachineName: "m", Name: fmt.Sprint(c.nodes), Time: time.Unix(1, 0)}
	for i := range 8 {
		m.Point[i] = byte(c.r.Uint32())
	}
	m.Disks = []format.Disk{{
		ID: "vda", Name: "vda", Size: c.size, State: format.DiskOK, Log2Leaf: format.Log2Leaf, Log2Fan: format.Log2Fan,
		Height: res.Height, Root: res.Root, Data: res.Data,
	}}
	return c.repo.put(ctx, format.KindManifest, pointName(c.repo.ring.Tag(m.Machine), m.Point), &m)
}

func newChain(t testing.TB, dir string, leaves int64) *chain {
	store, err := object.OpenLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	password := []byte("x")
	if err := Init(t.Context(), store, InitOptions{Password: password}); err != nil {
		t.Fatal(err)
	}
	repo, err := Open(t.Context(), store, OpenOptions{Password: password, Table: dir + "/table"})
	if err != nil {
		t.Fatal(err)
	}
	return &chain{repo: repo, size: leaves << (block.Log2Size + format.Log2Leaf), r: rand.New(rand.NewPCG(1, 1))}
}

// BenchmarkMark walks the maps of 20 points of a disk of 32 GiB, each of which changes a block in a hundred.
func BenchmarkMark(b *testing.B) {
	const leaves = 2048
	c := newChain(b, b.TempDir(), leaves)
	for range 20 {
		if err := c.add(b.Context(), leaves*format.LeafSize/100); err != nil {
			b.Fatal(err)
		}
	}
	before := processorTime(b)
	for b.Loop() {
		m, err := c.repo.packs.Moves(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		k := newMarker(c.repo, m)
		if err := k.markAll(b.Context(), new(PruneProgress)); err != nil {
			b.Fatal(err)
		}
	}
	walked := float64(b.N) * float64(c.nodes)
	b.ReportMetric(float64(b.Elapsed())/walked, "ns/node")
	b.ReportMetric(float64(processorTime(b)-before)/walked, "cpu-ns/node")
}

// processorTime is what this process has used, which others on the machine do not change by much.
func processorTime(t testing.TB) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
