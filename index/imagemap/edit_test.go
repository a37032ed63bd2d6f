package imagemap

import (
	"math/rand/v2"
	"testing"

	"vbfs/index/format"
)

// TestEdit changes leaves at random, with one Edit used again and again, against the model.
func TestEdit(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(8, 8))
	var e Edit
	for _, size := range sizes[:6] {
		d := newDisk(size)
		for range 40 {
			e.Open(d.leaf(0))
			for range 1 + r.IntN(20) {
				n := r.IntN(e.N())
				a := format.Address{Pack: packID(r.IntN(3)), Slot: uint16(n)}
				if r.IntN(3) == 0 {
					delete(d.at, int64(n))
					e.SetZero(n)
				} else {
					d.at[int64(n)] = a
					e.Set(n, a)
				}
			}
			want := d.leaf(0)
			if got := e.Leaf(want.Digest); !equalLeaves(got, want) {
				t.Fatalf("%v, not %v", got, want)
			}
			for n := range e.N() {
				a, data := d.at[int64(n)]
				if kind, at := e.Get(n); at != a || (kind == format.Data) != data {
					t.Fatalf("block %d: %v %v, not %v", n, kind, at, a)
				}
			}
		}
	}
}

func TestEditAllocatesTheLeafAlone(t *testing.T) {
	var e Edit
	l := newDisk(1 << 30).leaf(0)
	if n := testing.AllocsPerRun(100, func() { e.Open(l); e.Set(9, format.Address{}); e.Leaf(l.Digest) }); n > 2 {
		t.Errorf("%v allocations", n)
	}
}
