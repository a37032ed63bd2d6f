package index_test

import (
	"bytes"
	"testing"

	"vbfs/index"
	"vbfs/index/block"
	"vbfs/index/format"
)

// Diff names exactly the blocks that differ, also where equal ones lie at other addresses, and of disks of other sizes.
func TestDiffAgainstBytes(t *testing.T) {
	t.Parallel()
	b := newBench(t, index.InitOptions{NoEncryption: true})
	rnd := seeded(11)
	first := make([]byte, 34<<20+99)
	churn(rnd, first, 150)
	images := []*index.Image{}
	disks := [][]byte{first}
	for _, size := range []int{len(first), len(first) + 3*block.Size, 20 << 20} {
		next := make([]byte, size)
		copy(next, first)
		churn(rnd, next, 30)
		disks = append(disks, next)
	}
	for _, d := range disks {
		images = append(images, b.image(b.put("m", d, nil, nil)))
	}
	for i := range disks {
		for j := range disks {
			b.compareDiff(images[i], images[j], disks[i], disks[j])
		}
	}
}

func (b *bench) image(m *format.Manifest) *index.Image {
	b.t.Helper()
	im, err := b.repo.Image(m, "vda")
	if err != nil {
		b.t.Fatal(err)
	}
	return im
}

func (b *bench) compareDiff(x, y *index.Image, p, q []byte) {
	b.t.Helper()
	got := map[int64]bool{}
	for r, err := range b.repo.Diff(b.t.Context(), x, y) {
		if err != nil {
			b.t.Fatal(err)
		}
		for n := r.First; n < r.End(); n++ {
			got[n] = true
		}
	}
	cut := func(d []byte, n int64) []byte {
		return d[min(len(d), int(n<<block.Log2Size)):min(len(d), int((n+1)<<block.Log2Size))]
	}
	for n := range block.Count(int64(max(len(p), len(q)))) {
		if want := !bytes.Equal(cut(p, n), cut(q, n)); got[n] != want {
			b.t.Fatalf("block %d of %d and %d bytes: differs %v, diff says %v", n, len(p), len(q), want, got[n])
		}
	}
}
