package index_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"vbfs/index"
	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/object"
)

// A bench is a repository in a folder.
type bench struct {
	t     *testing.T
	dir   string
	store object.Store
	repo  *index.Repository
}

var password = []byte("correct horse")

func newBench(t *testing.T, o index.InitOptions) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir()}
	store, err := object.OpenLocal(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	b.store = store
	if !o.NoEncryption {
		o.Password = password
	}
	if err := index.Init(t.Context(), store, o); err != nil {
		t.Fatal(err)
	}
	b.open(!o.NoEncryption)
	return b
}

func (b *bench) open(encrypted bool) {
	b.t.Helper()
	o := index.OpenOptions{Table: filepath.Join(b.dir, "table")}
	if encrypted {
		o.Password = password
	}
	repo, err := index.Open(b.t.Context(), b.store, o)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { repo.Close() })
	b.repo = repo
}

// put brings a disk in. With changed, only those blocks are written and the rest is inherited from parent.
func (b *bench) put(machine string, disk []byte, parent *index.Image, changed map[int64]bool) *format.Manifest {
	b.t.Helper()
	m, err := putDisk(b.t.Context(), b.repo, machine, disk, parent, changed)
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

func putDisk(ctx context.Context, repo *index.Repository, machine string, disk []byte, parent *index.Image, changed map[int64]bool) (*format.Manifest, error) {
	w, err := repo.Begin(ctx, index.BeginOptions{Machine: machine})
	if err != nil {
		return nil, err
	}
	defer w.Abort(ctx)
	d, err := w.Disk(format.Disk{ID: "vda", Name: "vda", Size: int64(len(disk))}, parent, changed != nil)
	if err != nil {
		return nil, err
	}
	if err := fill(ctx, w, d, disk, changed); err != nil {
		return nil, err
	}
	return w.Commit(ctx)
}

func fill(ctx context.Context, w *index.Writer, d *index.DiskWriter, disk []byte, changed map[int64]bool) error {
	k, err := w.Worker()
	if err != nil {
		return err
	}
	for i := range d.Leaves() {
		if err := fillLeaf(ctx, k, d, i, disk, changed); err != nil {
			k.Close()
			return err
		}
	}
	return k.Close()
}

func fillLeaf(ctx context.Context, k *index.Worker, d *index.DiskWriter, i int64, disk []byte, changed map[int64]bool) error {
	var l *index.LeafWriter
	r := d.LeafRange(i)
	for n := r.First; n < r.End(); n++ {
		if changed != nil && !changed[n] {
			continue
		}
		if l == nil {
			var err error
			if l, err = k.Leaf(ctx, d, i); err != nil {
				return err
			}
		}
		off := n << block.Log2Size
		if err := l.Put(ctx, n, disk[off:off+int64(block.Len(n, int64(len(disk))))]); err != nil {
			return err
		}
	}
	if l == nil {
		return nil
	}
	return l.Done(ctx)
}

// check compares an image with plain bytes: whole, and at random.
func (b *bench) check(m *format.Manifest, want []byte) {
	b.t.Helper()
	full, err := b.repo.Point(b.t.Context(), m)
	if err != nil {
		b.t.Fatal(err)
	}
	im, err := b.repo.Image(full, "vda")
	if err != nil {
		b.t.Fatal(err)
	}
	checkImage(b.t, im, want)
}

func checkImage(t *testing.T, im *index.Image, want []byte) {
	t.Helper()
	if im.Size() != int64(len(want)) {
		t.Fatalf("size %d, want %d", im.Size(), len(want))
	}
	got := make([]byte, len(want))
	if n, err := im.ReadAt(got, 0); n != len(want) || err != nil {
		t.Fatalf("read all: %d, %v", n, err)
	}
	if !bytes.Equal(got, want) {
		t.Fatal("image differs from the disk")
	}
	for range 200 {
		off := rand.Int64N(int64(len(want)))
		p := make([]byte, 1+rand.IntN(3*block.Size))
		n, _ := im.ReadAt(p, off)
		end := min(off+int64(len(p)), int64(len(want)))
		if !bytes.Equal(p[:n], want[off:end]) {
			t.Fatalf("%d bytes at %d differ", len(p), off)
		}
	}
	for off := int64(0); off < im.Size(); {
		n, data, err := im.Extent(off)
		if err != nil || n <= 0 {
			t.Fatalf("extent at %d: %d, %v", off, n, err)
		}
		if !data && bytes.ContainsFunc(want[off:off+n], func(r rune) bool { return r != 0 }) {
			t.Fatalf("hole of %d bytes at %d holds data", n, off)
		}
		off += n
	}
}

// churn changes random blocks of a disk and tells which.
func churn(rnd *rand.Rand, disk []byte, n int) map[int64]bool {
	changed := map[int64]bool{}
	for range n {
		i := rnd.Int64N(block.Count(int64(len(disk))))
		p := disk[i<<block.Log2Size:][:block.Len(i, int64(len(disk)))]
		switch rnd.IntN(4) {
		case 0:
			clear(p)
		case 1:
			copy(p, disk[:block.Size]) // a block that is elsewhere, too
		default:
			fillRandom(rnd, p)
		}
		changed[i] = true
	}
	return changed
}

// fillRandom writes something that compresses by half.
func fillRandom(rnd *rand.Rand, p []byte) {
	for i := range p {
		p[i] = byte(rnd.IntN(16))
	}
}

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, 7)) }

func TestEveryPointStaysAsItWas(t *testing.T) {
	for _, o := range []index.InitOptions{
		{}, {NoEncryption: true}, {Compression: "s2"}, {Compression: "lz4"}, {Compression: "none"},
	} {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, o)
			rnd := seeded(1)
			disk := make([]byte, 35<<20+777)
			churn(rnd, disk, 200)
			var disks [][]byte
			var points []*format.Manifest
			var parent *index.Image
			changed := map[int64]bool(nil)
			for range 8 {
				m := b.put("m1", disk, parent, changed)
				points, disks = append(points, m), append(disks, bytes.Clone(disk))
				var err error
				if parent, err = b.repo.Image(m, "vda"); err != nil {
					t.Fatal(err)
				}
				changed = churn(rnd, disk, 20)
			}
			twin := b.put("m2", disks[3], nil, nil)
			if n := twin.Disks[0].New; n != 0 {
				t.Errorf("%d bytes stored again for a twin", n)
			}
			if twin.Disks[0].Digest != points[3].Disks[0].Digest {
				t.Error("equal disks have different digests")
			}
			os.RemoveAll(filepath.Join(b.dir, "table"))
			b.open(!o.NoEncryption)
			for i, m := range points {
				b.check(m, disks[i])
			}
			listed, err := b.repo.Points(t.Context())
			if err != nil || len(listed) != 9 {
				t.Fatalf("%d points, %v", len(listed), err)
			}
		})
	}
}
