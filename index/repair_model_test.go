package index_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"vbfs/index"
	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/object/objecttest"
)

// However backups, forgetting, collections, damage and repairs follow each other, all points stay what they were as long as
// somebody has a copy.
func TestRepairModel(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			encrypted := seed == 1
			b := newBench(t, index.InitOptions{NoEncryption: !encrypted, Compression: "lz4"})
			other := newBench(t, index.InitOptions{NoEncryption: true})
			lives := []*life{b.life("m1", 2*seed+21), b.life("m2", 2*seed+22)}
			rnd := seeded(seed)
			var log []string
			for range 6 {
				for range 2 {
					lives[rnd.IntN(2)].point()
				}
				b.copyAll(other)
				if rnd.IntN(2) == 0 {
					b.forgetSome(rnd.IntN(3))
					for _, l := range lives {
						l.parent = nil
					}
					if _, err := b.repo.Prune(t.Context(), index.PruneOptions{}); err != nil {
						t.Fatalf("%q: prune: %v", log, err)
					}
				}
				all := append(b.files("packs/*/*"), b.maybe("bundles/*/*")...)
				all = append(all, b.maybe("moves/*")...)
				for range rnd.IntN(4) {
					if path := all[rnd.IntN(len(all))]; exists(path) && (!strings.Contains(path, "moves") || rnd.IntN(3) == 0) {
						log = append(log, b.vandal(rnd, path, !strings.Contains(path, "moves")))
					}
				}
				b.open(encrypted)
				got := b.repair(index.RepairOptions{From: other.repo})
				for _, f := range got.Findings {
					if !f.Healed {
						t.Fatalf("%q\n%s: %v, hurts %v", log, f.Object, f.What, f.Hurts)
					}
				}
				b.open(encrypted)
				b.whole()
				b.checkAll(lives)
				if t.Failed() {
					t.Fatal(log)
				}
			}
		})
	}
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

func (b *bench) maybe(pattern string) []string {
	out, _ := filepath.Glob(filepath.Join(b.dir, pattern))
	return out
}

// forgetSome forgets the n oldest points of each machine, but for the last.
func (b *bench) forgetSome(n int) {
	b.t.Helper()
	points, err := b.repo.Points(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	of := map[string][]*format.Manifest{}
	for _, p := range points {
		of[p.MachineName] = append(of[p.MachineName], p)
	}
	for _, points := range of {
		if err := b.repo.Forget(b.t.Context(), points[:min(n, len(points)-1)]...); err != nil {
			b.t.Fatal(err)
		}
	}
}

// A point whose manifest is damaged is copied again; the manifest stays as it is.
func TestRepairFetchesPoints(t *testing.T) {
	t.Parallel()
	b, other := newBench(t, index.InitOptions{NoEncryption: true}), newBench(t, index.InitOptions{NoEncryption: true})
	l := b.life("m", 1)
	m := l.point()
	b.copyAll(other)
	path := b.files("points/*/*")[0]
	p, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p[len(p)/2] ^= 1
	if err := os.WriteFile(path, p, 0o600); err != nil {
		t.Fatal(err)
	}
	b.open(false)
	got := b.repair(index.RepairOptions{From: other.repo})
	if len(got.Fetched) != 1 || len(got.Findings) != 1 || got.Findings[0].Healed || got.Marked != 1 {
		t.Fatalf("%+v\n%s", got, told(got))
	}
	b.check(got.Fetched[0].Point, l.disk)
	if got.Fetched[0].New != 0 {
		t.Errorf("%d bytes are stored again", got.Fetched[0].New)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, p) {
		t.Errorf("the damaged manifest of %v was touched: %v", m.Point, err)
	}
	if again := b.repair(index.RepairOptions{From: other.repo}); len(again.Fetched) != 0 || again.Marked != 0 {
		t.Errorf("again: %+v", again)
	}
}

// A damaged table is made anew.
func TestRepairRebuildsTheTable(t *testing.T) {
	t.Parallel()
	b := newBench(t, index.InitOptions{NoEncryption: true})
	l := b.life("m", 1)
	l.point()
	for _, path := range b.files("table/*.db") {
		p, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		clear(p[len(p)/2:])
		if err := os.WriteFile(path, p, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.open(false)
	got := b.repair(index.RepairOptions{})
	if !got.Table || len(got.Findings) == 0 {
		t.Errorf("%+v\n%s", got, told(got))
	}
	b.allHealed(got)
	if m := b.put("twin", l.disk, nil, nil); m.Disks[0].New != 0 {
		t.Errorf("%d bytes are stored again", m.Disks[0].New)
	}
}

// Of a large disk, inner nodes are lost, too, and made anew.
func TestRepairOfInnerNodes(t *testing.T) {
	t.Parallel()
	b, other := newBench(t, index.InitOptions{NoEncryption: true}), newBench(t, index.InitOptions{NoEncryption: true})
	const size = 5 << 30
	points := map[format.UUID]map[int64]byte{}
	blocks := map[int64]byte{}
	var parent *index.Image
	for i := range 3 {
		for n := range int64(20) {
			blocks[(n*4099+int64(i)*n)%(size>>block.Log2Size)] = byte(n) + byte(i) + 1
		}
		m := b.sparse("m", size, blocks, parent)
		parent = b.image(m)
		points[m.Point] = map[int64]byte{}
		for n, v := range blocks {
			points[m.Point][n] = v
		}
	}
	b.copyAll(other)
	seen := map[format.Address]bool{}
	listed, err := b.repo.Points(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range listed {
		full, err := b.repo.Point(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		visit := func(level uint8, _ int64, c format.Child) (bool, error) {
			if level == 2 {
				seen[c.At] = true
			}
			return level > 2, nil
		}
		if err := b.image(full).Map().Walk(t.Context(), visit, nil); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) < 3 {
		t.Fatalf("%d inner nodes", len(seen))
	}
	for a := range seen {
		b.hurtSlot(a)
	}
	b.open(false)
	b.allHealed(b.repair(index.RepairOptions{From: other.repo}))
	for _, p := range listed {
		full, err := b.repo.Point(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		im, got := b.image(full), make([]byte, block.Size)
		for n, v := range points[p.Point] {
			if _, err := im.ReadAt(got, n<<block.Log2Size); err != nil || !bytes.Equal(got, bytes.Repeat([]byte{v}, block.Size)) {
				t.Fatalf("block %d: %v", n, err)
			}
		}
	}
}

// sparse puts a disk of which just some blocks are data, each of one value.
func (b *bench) sparse(machine string, size int64, blocks map[int64]byte, parent *index.Image) *format.Manifest {
	b.t.Helper()
	w, err := b.repo.Begin(b.t.Context(), index.BeginOptions{Machine: machine})
	if err != nil {
		b.t.Fatal(err)
	}
	defer w.Abort(b.t.Context())
	d, err := w.Disk(format.Disk{ID: "vda", Name: "vda", Size: size}, parent, false)
	if err != nil {
		b.t.Fatal(err)
	}
	k, err := w.Worker()
	if err != nil {
		b.t.Fatal(err)
	}
	for i := range d.Leaves() {
		l, err := k.Leaf(b.t.Context(), d, i)
		if err == nil {
			err = l.Zero(b.t.Context(), d.LeafRange(i))
		}
		for n, v := range blocks {
			if err == nil && n>>format.Log2Leaf == i {
				err = l.Put(b.t.Context(), n, bytes.Repeat([]byte{v}, block.Size))
			}
		}
		if err == nil {
			err = l.Done(b.t.Context())
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
	if err := k.Close(); err != nil {
		b.t.Fatal(err)
	}
	m, err := w.Commit(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

// A dry run tells the same and writes nothing.
func TestRepairDryRun(t *testing.T) {
	t.Parallel()
	b, other := newBench(t, index.InitOptions{NoEncryption: true}), newBench(t, index.InitOptions{NoEncryption: true})
	l := b.life("m", 1)
	m := l.point()
	b.copyAll(other)
	for _, a := range b.addresses(m) {
		b.hurtSlot(a)
	}
	b.hurtNodes(m)
	dry, trace := b.traced(t)
	trace.Reset()
	would := dry.repair(index.RepairOptions{From: other.repo, DryRun: true})
	for line := range strings.Lines(trace.String()) {
		if strings.HasPrefix(line, "put") || strings.HasPrefix(line, "delete") {
			t.Errorf("a dry run did %s", line)
		}
	}
	b.open(false)
	got := b.repair(index.RepairOptions{From: other.repo})
	if would.Blocks != got.Blocks || would.Lost != got.Lost || len(would.Findings) != len(got.Findings) {
		t.Errorf("it would heal %d, did %d:\n%s\n%s", would.Blocks, got.Blocks, told(would), told(got))
	}
	b.allHealed(got)
}

// A repair that dies anywhere has harmed nothing, and the next one heals.
func TestRepairCrashesAtEveryOperation(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	other := objecttest.NewMemory()
	if err := index.Init(t.Context(), other, index.InitOptions{NoEncryption: true}); err != nil {
		t.Fatal(err)
	}
	from := openIn(t, other)
	whole := openIn(t, s.memory)
	points, err := whole.Points(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := index.NewCopier(whole, from, nil).Copy(t.Context(), points[0]); err != nil {
		t.Fatal(err)
	}
	damagePacks(t, s.memory)
	repair := func(to *index.Repository) (*index.Repaired, error) {
		return to.Repair(t.Context(), index.RepairOptions{From: from, ReadData: everything})
	}
	count := objecttest.NewCrash(s.memory, 0)
	if got, err := repair(openIn(t, count)); err != nil || got.Blocks == 0 || got.Lost > 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	for n := int64(1); n <= count.Ops(); n++ {
		crash := objecttest.NewCrash(s.memory, n)
		if repo, err := index.Open(t.Context(), crash, index.OpenOptions{Table: t.TempDir()}); err == nil {
			repair(repo)
			repo.Close()
		}
		survivor := openIn(t, crash.Survivor())
		index.Forgive(t, survivor) // the process that died lives on here
		got, err := repair(survivor)
		if err != nil || slices.ContainsFunc(got.Findings, func(f *index.Finding) bool { return !f.Healed }) {
			t.Fatalf("operation %d: %v, %+v", n, err, got)
		}
		full, err := survivor.Point(t.Context(), points[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := same(imageOf(t, survivor, full), s.first); err != nil {
			t.Fatalf("operation %d: %v", n, err)
		}
	}
}

// damagePacks turns over a bit in the middle of every pack.
func damagePacks(t *testing.T, m *objecttest.Memory) {
	t.Helper()
	for info, err := range m.List(t.Context(), "packs") {
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, info.Size)
		if err := m.Get(t.Context(), info.Name, p, 0); err != nil {
			t.Fatal(err)
		}
		p[len(p)/3] ^= 1
		m.Replace(info.Name, p)
	}
}

// A collection and another repair keep away while one is at work, and it keeps away while a collection is.
func TestRepairAlone(t *testing.T) {
	t.Parallel()
	g := newGround(t, 5)
	damagePacks(t, g.memory)
	var once sync.Once
	store := objecttest.NewFault(g.memory, func(op objecttest.Op) objecttest.Act {
		if op.Verb == objecttest.Get && strings.HasPrefix(op.Name, "packs/") {
			once.Do(func() {
				if _, err := pruneIn(t, g.memory); !errors.Is(err, index.ErrCollecting) {
					t.Errorf("a collection beside a repair: %v", err)
				}
				if _, err := openIn(t, g.memory).Repair(t.Context(), index.RepairOptions{}); !errors.Is(err, index.ErrCollecting) {
					t.Errorf("a repair beside a repair: %v", err)
				}
			})
		}
		return objecttest.Act{}
	})
	if _, err := openIn(t, store).Repair(t.Context(), index.RepairOptions{ReadData: everything}); err != nil {
		t.Fatal(err)
	}
	if left := leftovers(t, g.memory); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	other := newGround(t, 6)
	once = sync.Once{}
	store = objecttest.NewFault(other.memory, func(op objecttest.Op) objecttest.Act {
		if op.Verb == objecttest.Get && strings.HasPrefix(op.Name, "packs/") {
			once.Do(func() {
				if _, err := openIn(t, other.memory).Repair(t.Context(), index.RepairOptions{}); !errors.Is(err, index.ErrCollecting) {
					t.Errorf("a repair beside a collection: %v", err)
				}
			})
		}
		return objecttest.Act{}
	})
	if _, err := pruneIn(t, store); err != nil {
		t.Fatal(err)
	}
	whole(t, other.memory, other.holds)
}

// Where nothing can be deleted repair heals all the same.
func TestRepairInAnAppendOnlyStorage(t *testing.T) {
	t.Parallel()
	b, other := newBench(t, index.InitOptions{NoEncryption: true}), newBench(t, index.InitOptions{NoEncryption: true})
	l := b.life("m", 1)
	m := l.point()
	b.copyAll(other)
	at := b.addresses(m)
	repo, err := index.Open(t.Context(), keeping{b.store}, index.OpenOptions{Table: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	for n := range at {
		b.hurtSlot(at[n])
		got, err := repo.Repair(t.Context(), index.RepairOptions{ReadData: everything, From: other.repo})
		if err != nil || got.Blocks != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		if delete(at, n); len(at) < len(b.addresses(m))-2 {
			break
		}
	}
	b.open(false)
	b.whole()
	b.check(m, l.disk)
}

// keeping is a store that deletes nothing, and says so beforehand.
type keeping struct{ object.Store }

func (k keeping) MayDelete(context.Context, string) error { return object.ErrAppendOnly }

func (k keeping) Delete(_ context.Context, name string) error {
	return fmt.Errorf("delete %s: %w", name, object.ErrAppendOnly)
}
