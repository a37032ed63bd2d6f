package index_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"vbfs/index"
	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/object/objecttest"
)

// sparse gives a disk of two leaves, of which a few blocks are data out of few contents, so that they come back.
func sparse(r *rand.Rand, disk []byte, n int) (changed map[int64]bool) {
	if disk == nil {
		return nil
	}
	changed = map[int64]bool{}
	for range n {
		i := r.IntN(len(disk)/block.Size) / 9 * 9
		b := disk[i*block.Size:][:block.Size]
		clear(b)
		if kind := r.IntN(30); kind > 0 {
			for k := range 200 {
				b[k*300] = byte(k*kind + kind)
			}
		}
		changed[int64(i)] = true
	}
	return changed
}

const sparseSize = 270 * block.Size

// A ground is a repository in memory in which some points were forgotten, and what the others hold.
type ground struct {
	memory *objecttest.Memory
	holds  map[format.UUID][]byte
	last   *format.Manifest
	disk   []byte
}

func newGround(t *testing.T, seed uint64) *ground {
	t.Helper()
	g := &ground{memory: objecttest.NewMemory(), holds: map[format.UUID][]byte{}, disk: make([]byte, sparseSize)}
	if err := index.Init(t.Context(), g.memory, index.InitOptions{NoEncryption: true, Compression: "lz4"}); err != nil {
		t.Fatal(err)
	}
	repo, r := openIn(t, g.memory), rand.New(rand.NewPCG(seed, 7))
	var points []*format.Manifest
	for i := range 7 {
		changed := sparse(r, g.disk, 25)
		var parent *index.Image
		if i == 0 {
			changed = nil
		} else {
			parent = imageOf(t, repo, points[i-1])
		}
		m, err := putDisk(t.Context(), repo, "m", g.disk, parent, changed)
		if err != nil {
			t.Fatal(err)
		}
		points = append(points, m)
		g.holds[m.Point] = bytes.Clone(g.disk)
	}
	g.last = points[6]
	for _, i := range []int{0, 1, 3, 5} {
		forgetPoint(t, g.memory, points[i])
		delete(g.holds, points[i].Point)
	}
	return g
}

func imageOf(t *testing.T, repo *index.Repository, m *format.Manifest) *index.Image {
	t.Helper()
	im, err := repo.Image(m, "vda")
	if err != nil {
		t.Fatal(err)
	}
	return im
}

func forgetPoint(t *testing.T, s object.Store, m *format.Manifest) {
	t.Helper()
	for info, err := range s.List(context.Background(), "points") {
		if err == nil && strings.HasSuffix(info.Name, m.Point.String()) {
			err = s.Delete(context.Background(), info.Name)
		}
		if err != nil && !errors.Is(err, object.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// whole checks that the store holds just these points, whole, and that nothing is damaged.
func whole(t *testing.T, s object.Store, holds map[format.UUID][]byte) {
	t.Helper()
	repo := openIn(t, s)
	points, err := repo.Points(context.Background())
	if err != nil || len(points) != len(holds) {
		t.Fatalf("%d points, not %d: %v", len(points), len(holds), err)
	}
	for _, p := range points {
		full, err := repo.Point(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		if err := same(imageOf(t, repo, full), holds[p.Point]); err != nil {
			t.Fatalf("point %s: %v", p.Name, err)
		}
	}
	problems, err := repo.Verify(context.Background(), index.VerifyOptions{ReadData: func(format.PackID) bool { return true }})
	if err != nil || len(problems) > 0 {
		t.Fatalf("verify: %d problems, %v, %v", len(problems), err, problems)
	}
}

// same compares an image with plain bytes.
func same(im *index.Image, want []byte) error {
	buf := make([]byte, 16*block.Size)
	for off := 0; off < len(want); off += len(buf) {
		n := min(len(buf), len(want)-off)
		if _, err := im.ReadAt(buf[:n], int64(off)); err != nil {
			return err
		}
		if !bytes.Equal(buf[:n], want[off:off+n]) {
			return fmt.Errorf("wrong bytes at %d", off)
		}
	}
	return nil
}

func pruneIn(t *testing.T, s object.Store) (*index.Pruned, error) {
	t.Helper()
	repo, err := index.Open(context.Background(), s, index.OpenOptions{Table: t.TempDir()})
	if err != nil {
		return nil, err
	}
	defer repo.Close()
	return repo.Prune(context.Background(), index.PruneOptions{})
}

// leftovers counts what a finished collection does not leave behind.
func leftovers(t *testing.T, s object.Store) (out []string) {
	t.Helper()
	for _, folder := range []string{"gc", "sessions", "pending"} {
		for info, err := range s.List(t.Context(), folder) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, info.Name)
		}
	}
	return out
}

// collected checks that a collection after a broken one makes good: as small as if nothing had happened, nothing left.
func collected(t *testing.T, s *objecttest.Memory, g *ground, objects int) {
	t.Helper()
	whole(t, s, g.holds)
	index.Forgive(t, openIn(t, s)) // the process that was killed lives on here
	for range 2 {
		if _, err := pruneIn(t, s); err != nil {
			t.Fatal(err)
		}
	}
	whole(t, s, g.holds)
	if left := leftovers(t, s); len(left) > 0 {
		t.Fatalf("left behind: %v", left)
	}
	if n := count(t, s, "packs") + count(t, s, "bundles"); n > objects {
		t.Fatalf("%d packs and bundles, not %d", n, objects)
	}
}

func count(t *testing.T, s object.Store, folder string) (n int) {
	t.Helper()
	for _, err := range s.List(t.Context(), folder) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// reading tells whether an operation changes nothing.
func reading(op objecttest.Op) bool {
	return op.Verb == objecttest.Get || op.Verb == objecttest.List || op.Verb == objecttest.Stat
}

func TestPruneSurvivesACrashAtEveryOperation(t *testing.T) {
	t.Parallel()
	g := newGround(t, 1)
	full := objecttest.NewCrash(g.memory, 0)
	if _, err := pruneIn(t, full); err != nil {
		t.Fatal(err)
	}
	objects := count(t, full.Survivor(), "packs") + count(t, full.Survivor(), "bundles")
	if before := count(t, g.memory, "packs"); objects >= before {
		t.Fatalf("%d objects of %d", objects, before)
	}
	for n := int64(1); ; n++ {
		memory := g.memory.Clone()
		var changes atomic.Int64
		died := errors.New("the process was killed")
		_, err := pruneIn(t, objecttest.NewFault(memory, func(op objecttest.Op) objecttest.Act {
			if (reading(op) || changes.Add(1) < n) && changes.Load() < n {
				return objecttest.Act{}
			}
			return objecttest.Act{Before: died}
		}))
		if err == nil {
			break
		}
		collected(t, memory, g, objects)
	}
}

// Whatever operation fails, before or after it did its work, all points stay whole; before anything is deleted a failed
// listing or reading means that nothing is.
func TestPruneSurvivesAFaultAtEveryOperation(t *testing.T) {
	t.Parallel()
	g := newGround(t, 2)
	full := objecttest.NewCrash(g.memory, 0)
	if _, err := pruneIn(t, full); err != nil {
		t.Fatal(err)
	}
	objects := count(t, full.Survivor(), "packs") + count(t, full.Survivor(), "bundles")
	for _, act := range []objecttest.Act{{Before: syscall.EIO}, {After: syscall.EIO}, {Before: syscall.ENOSPC}} {
		for n := int64(1); n <= full.Ops(); n++ {
			memory := g.memory.Clone()
			var ops, deleted atomic.Int64
			var failed objecttest.Op
			store := objecttest.NewFault(memory, func(op objecttest.Op) objecttest.Act {
				at := ops.Add(1)
				if at > n && op.Verb == objecttest.Delete && (strings.HasPrefix(op.Name, "packs/") || strings.HasPrefix(op.Name, "bundles/")) {
					deleted.Add(1)
				}
				if at != n {
					return objecttest.Act{}
				}
				failed = op
				if reading(op) && act.Before != syscall.EIO { // all that a reader knows is that it failed
					return objecttest.Act{}
				}
				return act
			})
			_, err := pruneIn(t, store)
			if reading(failed) && act.Before != syscall.EIO {
				continue
			}
			looked := reading(failed)
			if looked && act.Before == syscall.EIO && err == nil {
				t.Fatalf("operation %d, %v: not noticed", n, failed)
			}
			if looked && act.Before == syscall.EIO && deleted.Load() > 0 {
				t.Fatalf("operation %d, %v: %d objects were deleted after it", n, failed, deleted.Load())
			}
			collected(t, memory, g, objects)
		}
	}
}

// On a store without a free byte a collection goes as far as it can, and frees what it can.
func TestPruneWithoutRoom(t *testing.T) {
	t.Parallel()
	g := newGround(t, 3)
	for _, room := range []int64{0, 100, 1000, 10_000, 100_000} {
		memory := g.memory.Clone()
		if err := object.PutBytes(t.Context(), memory, "reserve", make([]byte, 4096)); err != nil {
			t.Fatal(err)
		}
		var written, freed atomic.Int64
		freed.Store(room)
		store := objecttest.NewFault(memory, func(op objecttest.Op) objecttest.Act {
			switch {
			case op.Verb == objecttest.Delete:
				freed.Add(4096)
			case op.Verb == objecttest.Write && written.Add(op.Len) > freed.Load():
				written.Add(-op.Len)
				return objecttest.Act{Before: syscall.ENOSPC}
			}
			return objecttest.Act{}
		})
		before := count(t, memory, "packs")
		if _, err := pruneIn(t, store); err != nil {
			t.Fatalf("room for %d bytes: %v", room, err)
		}
		if after := count(t, memory, "packs") + count(t, memory, "bundles"); after >= before {
			t.Errorf("room for %d bytes: %d objects of %d are left", room, after, before)
		}
		whole(t, memory, g.holds)
		if _, err := pruneIn(t, memory); err != nil {
			t.Fatal(err)
		}
		whole(t, memory, g.holds)
	}
}

// tight is a store of limited size, which tells how much room it has.
type tight struct {
	*objecttest.Fault
	memory *objecttest.Memory
	size   int64

	mu    sync.Mutex       // guards all below
	onWay map[string]int64 // bytes of uploads, by name
}

func newTight(memory *objecttest.Memory, size int64) *tight {
	s := &tight{memory: memory, size: size, onWay: map[string]int64{}}
	s.Fault = objecttest.NewFault(memory, s.act)
	return s
}

func (s *tight) act(op objecttest.Op) objecttest.Act {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch op.Verb {
	case objecttest.Write:
		if free, _ := s.free(); op.Len > free {
			delete(s.onWay, op.Name)
			return objecttest.Act{Before: syscall.ENOSPC}
		}
		s.onWay[op.Name] += op.Len
	case objecttest.Commit:
		delete(s.onWay, op.Name)
	}
	return objecttest.Act{}
}

func (s *tight) free() (int64, error) {
	free := s.size
	for info, err := range s.memory.List(context.Background(), "") {
		if err != nil {
			return 0, err
		}
		free -= info.Size
	}
	for _, n := range s.onWay {
		free -= n
	}
	return free, nil
}

func (s *tight) Free(context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.free()
}

// newRough is a ground of blocks that do not compress.
func newRough(t *testing.T) *ground {
	t.Helper()
	g := &ground{memory: objecttest.NewMemory(), holds: map[format.UUID][]byte{}, disk: make([]byte, 64*block.Size)}
	if err := index.Init(t.Context(), g.memory, index.InitOptions{NoEncryption: true, Compression: "none"}); err != nil {
		t.Fatal(err)
	}
	return g
}

// live lets the ground have some more points, of which each third stays: packs become half empty.
func (g *ground) live(t *testing.T, r *rand.ChaCha8) {
	t.Helper()
	repo := openIn(t, g.memory)
	for i := range 12 {
		var changed map[int64]bool
		var parent *index.Image
		if g.last != nil {
			parent, changed = imageOf(t, repo, g.last), map[int64]bool{}
		}
		for b := int64(0); b < int64(len(g.disk)/block.Size); b += 1 + int64(r.Uint64()%16) {
			r.Read(g.disk[b*block.Size:][:block.Size])
			if changed != nil {
				changed[b] = true
			}
		}
		m, err := putDisk(t.Context(), repo, "m", g.disk, parent, changed)
		if err != nil {
			t.Fatal(err)
		}
		if i%3 > 0 {
			forgetPoint(t, g.memory, g.last)
			delete(g.holds, g.last.Point)
		}
		g.last, g.holds[m.Point] = m, bytes.Clone(g.disk)
	}
}

// On a store that has less room than what is to be moved takes, collections come to an end all the same: each makes room for
// the next. What lies in bundles is moved again, and found where it is then.
func TestPruneWithLittleRoom(t *testing.T) {
	t.Parallel()
	g, r := newRough(t), rand.NewChaCha8([32]byte{1})
	for round := range 8 {
		g.live(t, r)
		used := int64(0)
		for info := range g.memory.List(t.Context(), "") {
			used += info.Size
		}
		store := newTight(g.memory, used+int64(round+2)*8*block.Size)
		for run := 1; ; run++ {
			res, err := pruneIn(t, store)
			if err != nil {
				t.Fatal(err)
			}
			whole(t, g.memory, g.holds)
			if problems, err := openIn(t, g.memory).Verify(t.Context(), index.VerifyOptions{Share: 1}); err != nil || len(problems) > 0 {
				t.Fatalf("round %d, run %d: %v, %v", round, run, problems, err)
			}
			if res.Short == nil {
				t.Logf("round %d: %d runs", round, run)
				break
			}
			if run > 10 || res.Dropped == 0 || res.Moved == 0 {
				t.Fatalf("round %d, run %d: %+v", round, run, res)
			}
		}
	}
}

// A bundle of which only a part could be moved on stays, and what was moved of it counts for nothing: no slot has two homes.
func TestPruneMovesBundlesWholly(t *testing.T) {
	t.Parallel()
	g, r := newRough(t), rand.NewChaCha8([32]byte{3})
	g.live(t, r)
	roomy := objecttest.NewFault(g.memory, func(objecttest.Op) objecttest.Act { return objecttest.Act{} })
	if _, err := pruneIn(t, small{roomy}); err != nil { // into several bundles
		t.Fatal(err)
	}
	first, err := openIn(t, g.memory).Points(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	g.live(t, r)
	forgetPoint(t, g.memory, first[1]) // of the bundle a little goes
	delete(g.holds, first[1].Point)
	short := 0
	for n := int64(1); ; n++ {
		memory := g.memory.Clone()
		var written atomic.Int64
		fault := objecttest.NewFault(memory, func(op objecttest.Op) objecttest.Act {
			if op.Verb == objecttest.Write && strings.HasPrefix(op.Name, "bundles/") && written.Add(1) >= n {
				return objecttest.Act{Before: syscall.ENOSPC}
			}
			return objecttest.Act{}
		})
		res, err := pruneIn(t, small{fault})
		if err != nil {
			t.Fatal(err)
		}
		oneHome(t, memory)
		if _, err := pruneIn(t, memory); err != nil {
			t.Fatal(err)
		}
		whole(t, memory, g.holds)
		if res.Short == nil {
			break
		}
		short++
	}
	if short < 5 {
		t.Errorf("%d collections had no room", short)
	}
}

// small is a store that says that it has little room.
type small struct{ *objecttest.Fault }

func (small) Free(context.Context) (int64, error) { return 8 << 20, nil }

// oneHome proves that no slot lies in two objects that count.
func oneHome(t *testing.T, s object.Store) {
	t.Helper()
	repo, seen := openIn(t, s), map[format.Address]bool{}
	for _, a := range index.MovedSlots(t, repo) {
		if seen[a] {
			t.Fatalf("slot %d of pack %v has two homes", a.Slot, a.Pack)
		}
		seen[a] = true
	}
}

// What prune deletes while verify looks at it is no damage.
func TestVerifyBesidePrune(t *testing.T) {
	t.Parallel()
	g := newGround(t, 4)
	for n := int64(1); ; n++ {
		memory := g.memory.Clone()
		var ops atomic.Int64
		store := objecttest.NewFault(memory, func(op objecttest.Op) objecttest.Act {
			if ops.Add(1) == n {
				if _, err := pruneIn(t, memory); err != nil {
					t.Error(err)
				}
			}
			return objecttest.Act{}
		})
		problems, err := openIn(t, store).Verify(t.Context(), index.VerifyOptions{ReadData: func(format.PackID) bool { return true }})
		if err != nil || len(problems) > 0 {
			t.Fatalf("operation %d: %v, %v", n, problems, err)
		}
		if ops.Load() < n {
			break
		}
	}
}

// A node that cannot be read ends a collection, also when a writer's pending point names it, too, and is walked before.
func TestPruneStopsAtADamagedNodeThatIsPendingToo(t *testing.T) {
	t.Parallel()
	memory, disk := objecttest.NewMemory(), make([]byte, sparseSize)
	if err := index.Init(t.Context(), memory, index.InitOptions{NoEncryption: true}); err != nil {
		t.Fatal(err)
	}
	sparse(rand.New(rand.NewPCG(1, 7)), disk, 60)
	m, err := putDisk(t.Context(), openIn(t, memory), "m", disk, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	index.PutPending(t, openIn(t, memory), m)
	stopped := 0
	for info := range memory.Clone().List(t.Context(), "packs") {
		damaged := memory.Clone()
		if err := damaged.Delete(t.Context(), info.Name); err != nil {
			t.Fatal(err)
		}
		before := count(t, damaged, "packs")
		if _, err := pruneIn(t, damaged); errors.Is(err, index.ErrCorrupt) {
			stopped++
		} else if err != nil {
			t.Fatal(err)
		}
		if after := count(t, damaged, "packs"); after != before {
			t.Errorf("without %s, %d packs of %d are left", info.Name, after, before)
		}
	}
	if stopped != 1 {
		t.Errorf("%d packs hold nodes", stopped)
	}
}

// Packs that a collection has moved and not deleted yet do not hinder the next one when they are damaged.
func TestPruneDropsMovedPacksThatAreDamaged(t *testing.T) {
	t.Parallel()
	g := newGround(t, 3)
	before := g.memory.Clone()
	if _, err := pruneIn(t, g.memory); err != nil {
		t.Fatal(err)
	}
	for info := range before.List(t.Context(), "packs") {
		if _, err := g.memory.Stat(t.Context(), info.Name); errors.Is(err, object.ErrNotExist) {
			g.memory.Replace(info.Name, make([]byte, info.Size))
		}
	}
	res, err := pruneIn(t, g.memory)
	if err != nil || len(res.Damaged) > 0 || res.Dropped == 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	if err := same(imageOf(t, openIn(t, g.memory), g.last), g.holds[g.last.Point]); err != nil {
		t.Error(err)
	}
}

// A point that is forgotten while its map is walked may be damaged. Another that shares the damaged node may not, also when it
// was passed by there because the first was at it.
func TestPruneStopsAtADamagedNodeOfAForgottenPoint(t *testing.T) {
	t.Parallel()
	memory, disk := objecttest.NewMemory(), make([]byte, sparseSize)
	if err := index.Init(t.Context(), memory, index.InitOptions{NoEncryption: true}); err != nil {
		t.Fatal(err)
	}
	disk[5] = 5 // one leaf, the other is zero
	repo := openIn(t, memory)
	m, err := putDisk(t.Context(), repo, "m", disk, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := putDisk(t.Context(), repo, "m", disk, imageOf(t, repo, m), map[int64]bool{}); err != nil {
		t.Fatal(err)
	}
	stopped := 0
	for info := range memory.Clone().List(t.Context(), "packs") {
		damaged, progress := memory.Clone(), new(index.PruneProgress)
		damaged.Replace(info.Name, []byte("damage"))
		before := count(t, damaged, "packs")
		first, second := twoPoints(t, damaged)
		var once sync.Once
		begun := make(chan struct{}) // the first point's walk has come to a pack
		store := objecttest.NewFault(damaged, func(op objecttest.Op) objecttest.Act {
			switch {
			case op.Verb == objecttest.Stat && op.Name == second:
				<-begun
			case op.Verb == objecttest.Stat && strings.HasPrefix(op.Name, "packs/"):
				once.Do(func() {
					if err := damaged.Delete(context.Background(), first); err != nil {
						t.Error(err)
					}
					close(begun)
					for end := time.Now().Add(20 * time.Second); progress.Points.Load() == 0 && runtime.GOMAXPROCS(0) > 1 && time.Now().Before(end); {
						runtime.Gosched() // until the second point's walk is over
					}
				})
			}
			return objecttest.Act{}
		})
		_, err := openIn(t, store).Prune(t.Context(), index.PruneOptions{Progress: progress})
		if errors.Is(err, index.ErrCorrupt) {
			stopped++
		} else if err != nil {
			t.Fatal(err)
		}
		if after := count(t, damaged, "packs"); after < before {
			t.Errorf("without %s, %d packs of %d are left", info.Name, after, before)
		}
	}
	if stopped != 1 {
		t.Errorf("%d packs hold nodes", stopped)
	}
}

// twoPoints gives the names of the two points that a store has, as it lists them.
func twoPoints(t *testing.T, s object.Store) (first, second string) {
	t.Helper()
	var names []string
	for info, err := range s.List(t.Context(), "points") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, info.Name)
	}
	if len(names) != 2 {
		t.Fatalf("points %v", names)
	}
	return names[0], names[1]
}
