package index_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"vbfs/index"
	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/imagemap"
	"vbfs/index/object"
	"vbfs/index/object/objecttest"
	"vbfs/index/pack"
	"vbfs/index/seal"
)

// A watch is a repository in memory whose verifications are followed: its machines' disks, and when each pack was read.
type watch struct {
	t      *testing.T
	memory *objecttest.Memory
	repo   *index.Repository
	rnd    *rand.Rand
	disks  map[string][]byte
	last   map[string]*index.Image
	read   map[format.PackID]time.Time // by the model: before the verification that read it
}

func newWatch(t *testing.T) *watch {
	t.Helper()
	w := &watch{t: t, memory: objecttest.NewMemory(), rnd: seeded(11), disks: map[string][]byte{}, last: map[string]*index.Image{}, read: map[format.PackID]time.Time{}}
	if err := index.Init(t.Context(), w.memory, index.InitOptions{NoEncryption: true, Compression: "lz4"}); err != nil {
		t.Fatal(err)
	}
	w.repo = openIn(t, w.memory)
	return w
}

// backup makes a point of a machine, with some changes.
func (w *watch) backup(machine string) *format.Manifest {
	w.t.Helper()
	if w.disks[machine] == nil {
		w.disks[machine] = make([]byte, 33<<20) // of three leaves, so that its map has nodes
		churn(w.rnd, w.disks[machine], 20)
	}
	changed := churn(w.rnd, w.disks[machine], 3)
	parent := w.last[machine] // with which the maps share nodes
	if parent == nil {
		changed = nil
	}
	m, err := putDisk(w.t.Context(), w.repo, machine, w.disks[machine], parent, changed)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.last[machine], err = w.repo.Image(m, "vda"); err != nil {
		w.t.Fatal(err)
	}
	return m
}

// forget drops a point, and what no other names. The machine's next one is a full.
func (w *watch) forget(p *format.Manifest) {
	w.t.Helper()
	delete(w.last, p.MachineName)
	for info, err := range w.memory.List(w.t.Context(), "points") {
		if err == nil && info.Name[len(info.Name)-32:] == p.Point.String() {
			w.delete(info.Name)
		}
	}
	used := map[format.PackID]bool{}
	for _, m := range w.points() {
		maps.Copy(used, w.packsOf(m))
	}
	for id := range w.packs() {
		if _, ok := used[id]; !ok {
			w.delete(pack.Name(id))
		}
	}
}

func (w *watch) delete(name string) {
	w.t.Helper()
	if err := w.memory.Delete(w.t.Context(), name); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watch) points() []*format.Manifest {
	w.t.Helper()
	points, err := w.repo.Points(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return points
}

// packs gives the stored packs with their sizes.
func (w *watch) packs() map[format.PackID]int64 {
	w.t.Helper()
	out := map[format.PackID]int64{}
	for info, err := range w.memory.List(w.t.Context(), "packs") {
		if err != nil {
			w.t.Fatal(err)
		}
		id, err := format.ParsePackID(info.Name[len(info.Name)-16:])
		if err != nil {
			w.t.Fatal(err)
		}
		out[id] = info.Size
	}
	return out
}

// packsOf gives the packs that a point's maps name: true for those of nodes.
func (w *watch) packsOf(p *format.Manifest) map[format.PackID]bool {
	w.t.Helper()
	m, err := w.repo.Point(w.t.Context(), p)
	if err != nil {
		w.t.Fatal(err)
	}
	im, err := w.repo.Image(m, "vda")
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[format.PackID]bool{}
	node := func(_ uint8, _ int64, c format.Child) (bool, error) { out[c.At.Pack] = true; return true, nil }
	run := func(r imagemap.Run) error { out[r.At.Pack] = false; return nil }
	if err := im.Map().Walk(w.t.Context(), node, run); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// verify verifies by a repository that was just opened, and gives the names of what is damaged.
func (w *watch) verify(store object.Store, o index.VerifyOptions) []string {
	w.t.Helper()
	problems, err := openIn(w.t, store).Verify(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, p := range problems {
		out = append(out, p.Object)
	}
	return out
}

// record gives the only record of verification that there is, an empty one for none.
func (w *watch) record() *format.Verified {
	w.t.Helper()
	var names []string
	for info, err := range w.memory.List(w.t.Context(), "verified") {
		if err != nil {
			w.t.Fatal(err)
		}
		names = append(names, info.Name)
	}
	if len(names) == 0 {
		return new(format.Verified)
	}
	if len(names) > 1 {
		w.t.Fatalf("records %v", names)
	}
	v, err := w.repo.Dump(w.t.Context(), names[0])
	if err != nil {
		w.t.Fatal(err)
	}
	return v.(*format.Verified)
}

// stamped gives when packs were found good, by the record.
func (w *watch) stamped() map[format.PackID]time.Time {
	w.t.Helper()
	out := map[format.PackID]time.Time{}
	for _, s := range w.record().Packs {
		out[s.ID] = s.At
	}
	return out
}

// compare compares the record with the model: every pack that is there and was read, each since its last time, no other,
// and of every point the oldest of its packs' instants when it has them all.
func (w *watch) compare() {
	w.t.Helper()
	stamped := w.stamped()
	for id := range w.packs() {
		if at, ok := stamped[id]; ok == w.read[id].IsZero() || at.Before(w.read[id]) {
			w.t.Errorf("pack %v was read after %v and is recorded to have been at %v", id, w.read[id], at)
		}
	}
	if len(stamped) > len(w.packs()) {
		w.t.Errorf("%d instants of %d packs", len(stamped), len(w.packs()))
	}
	verified, err := w.repo.VerifiedAt(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	points := w.points()
	for _, p := range points {
		oldest, all := time.Now().UTC(), true
		for id := range w.packsOf(p) {
			at, ok := stamped[id]
			all = all && ok
			if at.Before(oldest) {
				oldest = at
			}
		}
		if at, ok := verified[p.Point]; ok != all || ok && !at.Equal(oldest) {
			w.t.Errorf("%s@%s is whole as of %v, %v; its packs say %v, %v", p.MachineName, p.Name, at, ok, oldest, all)
		}
	}
	if len(verified) > len(points) {
		w.t.Errorf("%d instants of %d points", len(verified), len(points))
	}
}

func everything(format.PackID) bool { return true }

// Thirty nights of the n-th of thirty parts come by everything that stays, while points come and go.
func TestThirtyNightsOfParts(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	w.backup("m0")
	old := w.packs()
	begin := time.Now().UTC()
	for night := range 30 {
		if w.rnd.IntN(3) > 0 {
			w.backup(fmt.Sprintf("m%d", w.rnd.IntN(3)))
		}
		if points := w.points(); w.rnd.IntN(3) == 0 && len(points) > 2 {
			w.forget(points[1+w.rnd.IntN(len(points)-1)])
		}
		before := time.Now().UTC()
		part := func(id format.PackID) bool { return int(id[0])%30 == night }
		if bad := w.verify(w.memory, index.VerifyOptions{ReadData: part}); bad != nil {
			t.Fatalf("damaged: %v", bad)
		}
		for id := range w.packs() {
			if part(id) {
				w.read[id] = before
			}
		}
		w.compare()
	}
	stamped, there := w.stamped(), w.packs()
	for id := range old {
		if there[id] > 0 && stamped[id].Before(begin) {
			t.Errorf("pack %v was not read in 30 nights", id)
		}
	}
}

// Ten nights of a tenth come by everything, and none reads much more than its tenth.
func TestTenNightsOfATenth(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	for i := range 12 {
		w.backup(fmt.Sprint("m", i))
	}
	var all, largest int64
	for _, size := range w.packs() {
		all += size
		largest = max(largest, size)
	}
	for night := range 10 {
		c, err := w.repo.Coverage(t.Context(), time.Now().Add(-time.Hour))
		if err != nil || c.Bytes != all || c.Since+c.Never != all {
			t.Errorf("night %d: %+v, %v", night, c, err)
		}
		var p index.Progress
		if bad := w.verify(w.memory, index.VerifyOptions{Share: 0.1, Progress: &p}); bad != nil {
			t.Fatalf("damaged: %v", bad)
		}
		if n := p.Read.Load(); n < all/10 || n > all/10+largest || p.Total.Load() != n || p.Done.Load() != n {
			t.Errorf("night %d: read %d of %d bytes, progress %d of %d", night, n, all, p.Done.Load(), p.Total.Load())
		}
	}
	c, err := w.repo.Coverage(t.Context(), time.Now().Add(-time.Hour))
	if err != nil || c.Since != all || c.Never != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if verified, err := w.repo.VerifiedAt(t.Context()); err != nil || len(verified) != 12 {
		t.Errorf("%d points are known to be whole, %v", len(verified), err)
	}
}

// flip damages a pack in the middle, and gives what undoes it.
func (w *watch) flip(id format.PackID) (undo func()) {
	w.t.Helper()
	whole, err := object.GetAll(w.t.Context(), w.memory, pack.Name(id), 1<<30)
	if err != nil {
		w.t.Fatal(err)
	}
	b := slices.Clone(whole)
	b[200] ^= 1
	w.memory.Replace(pack.Name(id), b)
	return func() { w.memory.Replace(pack.Name(id), whole) }
}

// only gives the pack of nodes, or of blocks, that a point has for itself.
func (w *watch) only(p *format.Manifest, nodes bool) (found format.PackID) {
	w.t.Helper()
	others := map[format.PackID]bool{}
	for _, o := range w.points() {
		if o.Point != p.Point {
			maps.Copy(others, w.packsOf(o))
		}
	}
	for id, tree := range w.packsOf(p) {
		if _, shared := others[id]; !shared && tree == nodes {
			found = id
		}
	}
	if found == (format.PackID{}) {
		w.t.Fatal("no pack of its own")
	}
	return found
}

// A damaged pack is no longer known to be good, nor is any point that names it; mended, and read again, they are.
func TestDamageTakesBackWhatWasVerified(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	hurt, other := w.backup("m1"), w.backup("m2")
	w.verify(w.memory, index.VerifyOptions{ReadData: everything})
	id := w.only(hurt, false)
	knows := func(what string, hurtAt, otherAt, packAt bool) {
		t.Helper()
		verified, err := w.repo.VerifiedAt(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, a := verified[hurt.Point]
		_, b := verified[other.Point]
		_, c := w.stamped()[id]
		if a != hurtAt || b != otherAt || c != packAt {
			t.Errorf("%s: the point is known to be whole %v, the other one %v, the pack %v", what, a, b, c)
		}
	}
	knows("whole", true, true, true)
	undo := w.flip(id)
	w.verify(w.memory, index.VerifyOptions{})
	knows("damaged, and not read", true, true, true)
	if bad := w.verify(w.memory, index.VerifyOptions{ReadData: everything}); !slices.Equal(bad, []string{pack.Name(id)}) {
		t.Errorf("damaged: %v", bad)
	}
	knows("damaged", false, true, false)
	if d := w.record().Damaged; len(d) != 1 || d[0].ID != id {
		t.Errorf("damaged are %v", d)
	}
	undo()
	w.verify(w.memory, index.VerifyOptions{})
	knows("mended, and not read", false, true, false)
	w.verify(w.memory, index.VerifyOptions{Points: []*format.Manifest{hurt}, Share: 1})
	knows("mended", true, true, true)
	undo = w.flip(id)
	w.verify(w.memory, index.VerifyOptions{Points: []*format.Manifest{hurt}, Share: 1})
	knows("damaged, and the other one not looked at", false, false, false)
	undo()
	w.verify(w.memory, index.VerifyOptions{ReadData: everything})
	undo = w.flip(w.only(hurt, true))
	w.verify(w.memory, index.VerifyOptions{})
	knows("a node is damaged, and its pack not read", false, false, true)
	w.verify(w.memory, index.VerifyOptions{})
	knows("a node is known to be damaged", false, true, true)
	undo()
	w.delete(pack.Name(id))
	w.verify(w.memory, index.VerifyOptions{ReadData: everything})
	knows("gone", false, true, false)
	if r := w.record(); len(r.Damaged) != 0 {
		t.Errorf("damaged are %v", r.Damaged)
	}
}

// Of two verifications at once each keeps what the other found, whoever records first, and the later word on a pack counts.
func TestTwoVerificationsAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		others int
		damage bool // before the others, after this one has read
	}{
		"one": {1, false}, "two": {2, false}, "damage": {1, true}, "damage and two": {2, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWatch(t)
			hurt, other := w.backup("m1"), w.backup("m2")
			id := w.only(hurt, false)
			theirs, mine := everything, everything
			if !c.damage { // each reads a part
				theirs = func(p format.PackID) bool { return p == id }
				mine = func(p format.PackID) bool { return p != id }
			}
			done := false
			between := objecttest.NewFault(w.memory, func(op objecttest.Op) objecttest.Act {
				if op.Verb == objecttest.Put && !done {
					done = true
					if c.damage {
						w.flip(id)
					}
					for range c.others {
						w.verify(w.memory, index.VerifyOptions{ReadData: theirs})
					}
				}
				return objecttest.Act{}
			})
			if bad := w.verify(between, index.VerifyOptions{ReadData: mine}); bad != nil {
				t.Errorf("damaged: %v", bad)
			}
			if n := len(w.stamped()); n != len(w.packs()) && !c.damage || c.damage && n != len(w.packs())-1 {
				t.Errorf("%d of %d packs are known to be good", n, len(w.packs()))
			}
			if !c.damage {
				w.verify(w.memory, index.VerifyOptions{}) // neither of them alone knew every pack of a point
			}
			verified, err := w.repo.VerifiedAt(t.Context())
			_, a := verified[hurt.Point]
			_, b := verified[other.Point]
			if err != nil || a == c.damage || !b {
				t.Errorf("known to be whole: %v and %v, %v", a, b, err)
			}
		})
	}
}

// What cannot be recorded is an error of its own, and what is damaged is found all the same. A verification that is
// interrupted keeps what it has read.
func TestVerificationThatCannotEnd(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	p := w.backup("m1")
	full := objecttest.NewFault(w.memory, objecttest.Full(0))
	undo := w.flip(w.only(p, false))
	problems, err := openIn(t, full).Verify(t.Context(), index.VerifyOptions{ReadData: everything})
	if !errors.Is(err, index.ErrUnrecorded) || !errors.Is(err, syscall.ENOSPC) || len(problems) != 1 {
		t.Errorf("%v, %v", problems, err)
	}
	undo()
	w.verify(w.memory, index.VerifyOptions{ReadData: everything})
	before := w.stamped()
	next := w.backup("m1")
	ctx, cancel := context.WithCancel(t.Context())
	var progress index.Progress
	cut := objecttest.NewFault(w.memory, func(op objecttest.Op) objecttest.Act {
		if op.Verb == objecttest.Get && progress.Packs.Load() > 0 {
			cancel()
		}
		return objecttest.Act{}
	})
	if _, err := openIn(t, cut).Verify(ctx, index.VerifyOptions{ReadData: everything, Progress: &progress}); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	again := 0
	for id, at := range w.stamped() {
		if at.After(before[id]) {
			again++
		}
	}
	if n := int(progress.Packs.Load()); again == 0 || again != n {
		t.Errorf("%d packs were read, and %d are recorded", n, again)
	}
	verified, err := w.repo.VerifiedAt(t.Context())
	if err != nil || verified[p.Point].IsZero() || !verified[next.Point].IsZero() {
		t.Errorf("known to be whole: %v, %v", verified, err)
	}
}

// A record that is damaged is named, counts for nothing, and the next one takes its place.
func TestDamagedRecord(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	p := w.backup("m1")
	w.verify(w.memory, index.VerifyOptions{ReadData: everything})
	b, err := object.GetAll(t.Context(), w.memory, "verified/00000001", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	b[60] ^= 1
	w.memory.Replace("verified/00000001", b)
	repo := openIn(t, w.memory)
	if verified, err := repo.VerifiedAt(t.Context()); err != nil || len(verified) > 0 {
		t.Errorf("%v, %v", verified, err)
	}
	if bad := w.verify(w.memory, index.VerifyOptions{ReadData: everything}); !slices.Equal(bad, []string{"verified/00000001"}) {
		t.Errorf("damaged: %v", bad)
	}
	if verified, err := repo.VerifiedAt(t.Context()); err != nil || verified[p.Point].IsZero() || len(w.stamped()) != len(w.packs()) {
		t.Errorf("%v, %v", verified, err)
	}
}

// What no release knows is named and hurts nobody; the reserve is no object.
func TestForeignObjects(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	w.backup("m1")
	for _, name := range []string{"reserve", "readme.txt", "pax/00000001"} {
		w.memory.Replace(name, []byte("x"))
	}
	problems, err := w.repo.Verify(t.Context(), index.VerifyOptions{ReadData: everything})
	if err != nil || len(problems) != 2 {
		t.Fatalf("%v, %v", problems, err)
	}
	for i, name := range []string{"pax/00000001", "readme.txt"} {
		if p := problems[i]; p.Object != name || !errors.Is(p.What, index.ErrForeign) || p.Hurts != nil {
			t.Errorf("%+v", p)
		}
	}
}

// Bundles are verified as packs are: what they hold counts for the points that name the packs.
func TestBundlesAreVerified(t *testing.T) {
	t.Parallel()
	h := newHistory(t, 4, 600) // of three leaves
	for range 6 {
		h.add(200)
	}
	for _, m := range h.all[:5] {
		h.forget(m)
	}
	h.prune(index.PruneOptions{})
	if n, _ := h.objects("bundles"); n == 0 {
		t.Fatal("no bundle")
	}
	for name, o := range map[string]index.VerifyOptions{"all": {Share: 1}, "a point": {Points: []*format.Manifest{h.last}, Share: 1}} {
		problems, err := h.another().Verify(t.Context(), o)
		if err != nil || len(problems) > 0 {
			t.Fatalf("%s: %v, %v", name, problems, err)
		}
		if verified, err := h.another().VerifiedAt(t.Context()); err != nil || verified[h.last.Point].IsZero() {
			t.Errorf("%s: %v, %v", name, verified, err)
		}
		if err := h.store.Delete(t.Context(), lastOf(t, h.store, "verified")); err != nil {
			t.Fatal(err)
		}
	}
	back := flipByte(t, filepath.Join(h.dir, lastOf(t, h.store, "moves")))
	problems, err := h.another().Verify(t.Context(), index.VerifyOptions{Share: 1})
	if err != nil || len(problems) < 2 || problems[0].Object != lastOf(t, h.store, "moves") || len(problems[1].Hurts) == 0 {
		t.Errorf("%v, %v", problems, err)
	}
	back()
	name := lastOf(t, h.store, "bundles")
	flipByte(t, filepath.Join(h.dir, name))
	problems, err = h.another().Verify(t.Context(), index.VerifyOptions{Share: 1})
	if err != nil || len(problems) != 1 || problems[0].Object != name || len(problems[0].Hurts) != 1 {
		t.Fatalf("%v, %v", problems, err)
	}
	im, err := h.another().Image(h.last, "vda")
	if err != nil {
		t.Fatal(err)
	}
	hurts := problems[0].Hurts[0]
	if _, err := im.ReadAt(make([]byte, hurts.Len), hurts.Off); !errors.Is(err, index.ErrCorrupt) {
		t.Errorf("%+v reads as %v", hurts, err)
	}
	if verified, err := h.another().VerifiedAt(t.Context()); err != nil || len(verified) > 0 {
		t.Errorf("%v, %v", verified, err)
	}
}

// lastOf gives the name of a folder's last object.
func lastOf(t *testing.T, s object.Store, folder string) (name string) {
	t.Helper()
	for info, err := range s.List(t.Context(), folder) {
		if err != nil {
			t.Fatal(err)
		}
		name = info.Name
	}
	return name
}

// flipByte damages a file and gives what undoes it.
func flipByte(t *testing.T, path string) (undo func()) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := min(200, len(b)-1)
	flip := func() {
		b[at] ^= 1
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	flip()
	return flip
}

// What a point shares with one that was walked before it counts for it, too.
func TestSharedNodesCount(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	disk := make([]byte, 33<<20) // of three leaves
	fillRandom(w.rnd, disk[:block.Size])
	first, err := putDisk(t.Context(), w.repo, "m", disk, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	old, parent := w.packsOf(first), first
	for range 2 {
		im, err := w.repo.Image(parent, "vda")
		if err != nil {
			t.Fatal(err)
		}
		fillRandom(w.rnd, disk[16<<20:][:block.Size])
		if parent, err = putDisk(t.Context(), w.repo, "m", disk, im, map[int64]bool{16 << 20 >> block.Log2Size: true}); err != nil {
			t.Fatal(err)
		}
	}
	verified := func() int {
		t.Helper()
		v, err := w.repo.VerifiedAt(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(v)
	}
	isOld := func(id format.PackID) bool { _, ok := old[id]; return ok }
	w.verify(w.memory, index.VerifyOptions{ReadData: func(id format.PackID) bool { return !isOld(id) }})
	if n := verified(); n != 0 {
		t.Errorf("%d points are known to be whole, though what all of them share was not read", n)
	}
	w.verify(w.memory, index.VerifyOptions{ReadData: isOld})
	if n := verified(); n != 3 {
		t.Errorf("%d of 3 points are known to be whole", n)
	}
}

// A block that is authentic, and another one than its pack's trailer says, is damage.
func TestBlocksAreComparedWithTheirIDs(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	b, err := object.GetAll(t.Context(), w.memory, "keyring/00000001", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = seal.Root(w.repo.ID(), false, [32]byte{}).Open(format.KindKeyring, "keyring/00000001", b); err != nil {
		t.Fatal(err)
	}
	var keys format.Keyring
	if err := keys.Unmarshal(b); err != nil {
		t.Fatal(err)
	}
	ring := seal.NewRing(w.repo.ID(), false, &keys)
	for _, kind := range []format.Kind{format.KindData, format.KindTree} {
		a, err := pack.Create(t.Context(), w.memory, ring, kind, format.Mark{})
		if err != nil {
			t.Fatal(err)
		}
		sum := map[format.Kind]*block.Summer{format.KindData: ring.Blocks(), format.KindTree: ring.Nodes()}[kind]
		for i, content := range []string{"one", "two", "three"} {
			id := sum.Sum([]byte(content))
			if i == 1 {
				id[31] ^= 1
			}
			if _, err := a.Append(id, format.Raw, []byte(content)); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Seal(); err != nil {
			t.Fatal(err)
		}
		if bad := w.verify(w.memory, index.VerifyOptions{Share: 1}); !slices.Equal(bad, []string{pack.Name(a.ID())}) {
			t.Errorf("%v: damaged are %v", kind, bad)
		}
		w.delete(pack.Name(a.ID()))
	}
}
