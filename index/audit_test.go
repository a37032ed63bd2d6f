package index_test

import (
	"context"
	"testing"

	"vbfs/index"
	"vbfs/index/block"
	"vbfs/index/format"
)

// A worker tells whether the parent has a block as it is, wherever the parent has it from.
func TestSame(t *testing.T) {
	t.Parallel()
	b := newBench(t, index.InitOptions{})
	rnd := seeded(11)
	disk := make([]byte, 3*format.LeafSize*block.Size+700)
	fillRandom(rnd, disk[:10*block.Size])
	fillRandom(rnd, disk[len(disk)-700:])
	first := b.put("m", disk, nil, nil)
	w, d := b.writer(first, int64(len(disk)))
	k, err := w.Worker()
	if err != nil {
		t.Fatal(err)
	}
	for n := range block.Count(int64(len(disk))) {
		p := disk[n<<block.Log2Size:][:block.Len(n, int64(len(disk)))]
		if same, err := k.Same(t.Context(), d, n, p); err != nil || !same {
			t.Fatalf("block %d: %v, %v", n, same, err)
		}
		if n%100 > 12 && n != 3*format.LeafSize {
			continue
		}
		p[n%int64(len(p))] ^= 1
		if same, err := k.Same(t.Context(), d, n, p); err != nil || same {
			t.Fatalf("block %d with another bit: %v, %v", n, same, err)
		}
		p[n%int64(len(p))] ^= 1
		if zero := make([]byte, len(p)); !block.IsZero(p) {
			if same, err := k.Same(t.Context(), d, n, zero); err != nil || same {
				t.Fatalf("block %d made zero: %v, %v", n, same, err)
			}
		}
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
}

// writer begins a point with the disk of another one, by changes.
func (b *bench) writer(parent *format.Manifest, size int64) (*index.Writer, *index.DiskWriter) {
	b.t.Helper()
	full, err := b.repo.Point(b.t.Context(), parent)
	if err != nil {
		b.t.Fatal(err)
	}
	im, err := b.repo.Image(full, "vda")
	if err != nil {
		b.t.Fatal(err)
	}
	w, err := b.repo.Begin(b.t.Context(), index.BeginOptions{Machine: parent.MachineName})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { w.Abort(context.Background()) })
	d, err := w.Disk(format.Disk{ID: "vda", Name: "vda", Size: size}, im, true)
	if err != nil {
		b.t.Fatal(err)
	}
	return w, d
}

// A disk that is given up cancels its workers. One that was about to begin a pack goes on with the next disk.
func TestCancelledDiskLeavesItsWorker(t *testing.T) {
	t.Parallel()
	b := newBench(t, index.InitOptions{NoEncryption: true})
	disk := make([]byte, 5*block.Size)
	fillRandom(seeded(12), disk)
	w, err := b.repo.Begin(t.Context(), index.BeginOptions{Machine: "m"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort(t.Context())
	k, err := w.Worker()
	if err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, ctx := range []context.Context{cancelled, t.Context()} {
		d, err := w.Disk(format.Disk{Name: "vda", Size: int64(len(disk))}, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		err = fillLeaf(ctx, k, d, 0, disk, nil)
		if (err != nil) != (ctx == cancelled) {
			t.Fatal(err)
		}
		if err != nil {
			d.Drop()
		}
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	m, err := w.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.check(m, disk)
}
