package index_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"vbfs/index"
	"vbfs/index/block"
	"vbfs/index/format"
)

// A history is a repository with what its points hold.
type history struct {
	*bench
	r     *rand.Rand
	disk  []byte
	last  *format.Manifest
	holds map[format.UUID][]byte
	all   []*format.Manifest
}

func newHistory(t *testing.T, seed uint64, blocks int) *history {
	h := &history{bench: newBench(t, index.InitOptions{NoEncryption: seed%2 == 0}), r: rand.New(rand.NewPCG(seed, 1)), holds: map[format.UUID][]byte{}}
	h.disk = make([]byte, blocks*block.Size)
	for i := range blocks {
		h.scribble(i)
	}
	return h
}

// scribble gives a block new content.
func (h *history) scribble(i int) {
	b := h.disk[i*block.Size:][:block.Size]
	for k := range 256 {
		b[k*255] = byte(h.r.Uint32())
	}
}

// add changes some blocks and takes them in.
func (h *history) add(n int) *format.Manifest {
	h.t.Helper()
	changed := map[int64]bool{}
	for range n {
		i := h.r.IntN(len(h.disk) / block.Size)
		h.scribble(i)
		changed[int64(i)] = true
	}
	var parent *index.Image
	if h.last == nil {
		changed = nil
	} else {
		var err error
		if parent, err = h.repo.Image(h.last, "vda"); err != nil {
			h.t.Fatal(err)
		}
	}
	m := h.put("m", h.disk, parent, changed)
	h.last = m
	h.all = append(h.all, m)
	h.holds[m.Point] = bytes.Clone(h.disk)
	return m
}

func (h *history) forget(m *format.Manifest) {
	h.t.Helper()
	for info := range h.store.List(h.t.Context(), "points") {
		if !strings.HasSuffix(info.Name, m.Point.String()) {
			continue
		}
		if err := h.store.Delete(h.t.Context(), info.Name); err != nil {
			h.t.Fatal(err)
		}
	}
	delete(h.holds, m.Point)
}

// prune collects, with a repository of its own.
func (h *history) prune(o index.PruneOptions) *index.Pruned {
	h.t.Helper()
	res, err := h.another().Prune(h.t.Context(), o)
	if err != nil {
		h.t.Fatal(err)
	}
	return res
}

// another opens the repository once more.
func (h *history) another() *index.Repository {
	h.t.Helper()
	o := index.OpenOptions{Table: filepath.Join(h.dir, "table")}
	if h.repo.Config().Encrypted {
		o.Password = password
	}
	repo, err := index.Open(h.t.Context(), h.store, o)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { repo.Close() })
	return repo
}

// check reads every point through repo, and verifies all.
func (h *history) check(repo *index.Repository) {
	h.t.Helper()
	points, err := repo.Points(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	if len(points) != len(h.holds) {
		h.t.Errorf("%d points, not %d", len(points), len(h.holds))
	}
	for _, s := range points {
		m, err := repo.Point(h.t.Context(), s)
		if err != nil {
			h.t.Fatal(err)
		}
		im, err := repo.Image(m, "vda")
		if err != nil {
			h.t.Fatal(err)
		}
		got := make([]byte, im.Size())
		if _, err := im.ReadAt(got, 0); err != nil || !bytes.Equal(got, h.holds[m.Point]) {
			h.t.Errorf("point %s: %v", m.Name, err)
		}
	}
	problems, err := repo.Verify(h.t.Context(), index.VerifyOptions{ReadData: func(format.PackID) bool { return true }})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, p := range problems {
		h.t.Errorf("%s: %v", p.Object, p.What)
	}
}

func (h *history) objects(folder string) (n int, size int64) {
	h.t.Helper()
	for info, err := range h.store.List(h.t.Context(), folder) {
		if err != nil {
			h.t.Fatal(err)
		}
		n, size = n+1, size+info.Size
	}
	return n, size
}

// What points name stays and reads as before, by those who had the repository open, too; the rest goes.
func TestPruneDropsWhatNothingNames(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			h := newHistory(t, seed, 300)
			for range 14 {
				h.add(1 + h.r.IntN(60))
			}
			h.check(h.repo)
			for range 3 {
				for range 4 {
					if i := h.r.IntN(len(h.all)); h.holds[h.all[i].Point] != nil && h.all[i] != h.last {
						h.forget(h.all[i])
					}
				}
				res := h.prune(index.PruneOptions{})
				if res.Unused > 0 || len(res.Damaged) > 0 || res.Short != nil || res.More {
					t.Errorf("%+v", res)
				}
				h.check(h.another())
				h.check(h.repo)
				h.add(5)
			}
			for _, m := range h.all {
				if h.holds[m.Point] != nil && m != h.last {
					h.forget(m)
				}
			}
			h.prune(index.PruneOptions{})
			h.check(h.another())
			packs, size := h.objects("packs")
			bundles, more := h.objects("bundles")
			if packs+bundles > 8 || size+more > int64(len(h.disk)) {
				t.Errorf("%d packs of %d bytes and %d bundles of %d hold one disk of %d", packs, size, bundles, more, len(h.disk))
			}
			if n, _ := h.objects("gc"); n > 0 {
				t.Errorf("%d objects are left in gc", n)
			}
			if n, _ := h.objects("moves"); n > 1 {
				t.Errorf("%d records of moves", n)
			}
		})
	}
}

// Many small increments end in few objects, and no byte is copied often.
func TestPruneBundlesWhatIsSmall(t *testing.T) {
	t.Parallel()
	h := newHistory(t, 6, 270)
	var moved int64
	for i := range 120 {
		h.add(1)
		if i%40 == 39 {
			res := h.prune(index.PruneOptions{MaxUnused: func(total int64) int64 { return total / 20 }})
			moved += res.Moved
		}
	}
	packs, a := h.objects("packs")
	bundles, b := h.objects("bundles")
	if packs+bundles > 8 {
		t.Errorf("120 points lie in %d packs and %d bundles", packs, bundles)
	}
	if moved > 4*(a+b) {
		t.Errorf("%d bytes were moved for %d that are there", moved, a+b)
	}
	h.check(h.another())
}

// A limit on what is moved holds, and what may stay unused stays.
func TestPruneWithinLimits(t *testing.T) {
	t.Parallel()
	h := newHistory(t, 8, 270)
	for range 8 {
		h.add(40)
	}
	for _, m := range h.all[:7] {
		h.forget(m)
	}
	if res := h.prune(index.PruneOptions{MaxRepack: 1}); res.Moved > 1 || !res.More {
		t.Errorf("%+v", res)
	}
	if res := h.prune(index.PruneOptions{MaxUnused: func(total int64) int64 { return total }}); res.Moved > 0 || res.Unused == 0 {
		t.Errorf("%+v", res)
	}
	before, size := h.objects("packs")
	dry := h.prune(index.PruneOptions{DryRun: true})
	if _, again := h.objects("packs"); again != size || dry.Freed == 0 {
		t.Errorf("%+v", dry)
	}
	if res := h.prune(index.PruneOptions{}); res.Unused > 0 || res.Moved != dry.Moved {
		t.Errorf("%+v after %+v, of %d packs", res, dry, before)
	}
	h.check(h.another())
}

// Who has an image open of a point that is forgotten reads on; when it is collected, too, reading goes on or fails.
func TestReadersOutliveForgetAndPrune(t *testing.T) {
	t.Parallel()
	h := newHistory(t, 9, 270)
	var images []*index.Image
	var want [][]byte
	for range 5 {
		m := h.add(30)
		want = append(want, h.holds[m.Point])
	}
	reader := h.another()
	for _, m := range h.all {
		images = append(images, imageOf(t, reader, m))
	}
	for _, m := range h.all[:4] {
		h.forget(m)
	}
	for i, im := range images {
		if err := same(im, want[i]); err != nil {
			t.Errorf("point %d, forgotten: %v", i, err)
		}
	}
	h.prune(index.PruneOptions{})
	for i, im := range images {
		err := same(im, want[i])
		if err != nil && (i == 4 || !errors.Is(err, index.ErrCorrupt)) {
			t.Errorf("point %d, collected: %v", i, err)
		}
	}
}
