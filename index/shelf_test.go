package index_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

// A clone is a machine on its way in, leaf range by leaf range.
type clone struct {
	t    *testing.T
	w    *index.Writer
	d    *index.DiskWriter
	k    *index.Worker
	disk []byte
}

func beginClone(t *testing.T, repo *index.Repository, machine string, disk []byte) *clone {
	t.Helper()
	c := &clone{t: t, disk: disk}
	var err error
	if c.w, err = repo.Begin(t.Context(), index.BeginOptions{Machine: machine}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.w.Abort(context.Background()) })
	if c.d, err = c.w.Disk(format.Disk{ID: "vda", Name: "vda", Size: int64(len(disk))}, nil, false); err != nil {
		t.Fatal(err)
	}
	if c.k, err = c.w.Worker(); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *clone) put(leaves ...int64) {
	c.t.Helper()
	for _, i := range leaves {
		if err := fillLeaf(c.t.Context(), c.k, c.d, i, c.disk, nil); err != nil {
			c.t.Fatal(err)
		}
	}
}

// end makes the point, of which all leaves are there.
func (c *clone) end() (*format.Manifest, error) {
	if err := c.k.Close(); err != nil {
		return nil, err
	}
	return c.w.Commit(context.Background())
}

func (c *clone) abort() {
	c.t.Helper()
	if err := errors.Join(c.k.Close(), c.w.Abort(context.Background())); err != nil {
		c.t.Fatal(err)
	}
}

// A herd is a repository in memory and the disk that its machines have in common: three leaves, half of it data.
type herd struct {
	memory *objecttest.Memory
	disk   []byte
	data   int64 // bytes
}

func newHerd(t *testing.T) *herd {
	t.Helper()
	h := &herd{memory: objecttest.NewMemory(), disk: make([]byte, 33<<20)}
	if err := index.Init(t.Context(), h.memory, index.InitOptions{NoEncryption: true, Compression: "lz4"}); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(h.disk); i += 2 * block.Size {
		copy(h.disk[i:], fmt.Sprintf("block %d", i))
		h.data += block.Size
	}
	return h
}

// held gives what the points hold that were made: the herd's disk.
func (h *herd) held(made ...*format.Manifest) map[format.UUID][]byte {
	holds := map[format.UUID][]byte{}
	for _, m := range made {
		holds[m.Point] = h.disk
	}
	return holds
}

// stored sums up what points say is new.
func stored(made ...*format.Manifest) (n int64) {
	for _, m := range made {
		n += m.Disks[0].New
	}
	return n
}

// Machines that are captured side by side store once what they have in common, whoever meets it first.
func TestClonesStoreOnce(t *testing.T) {
	t.Parallel()
	h := newHerd(t)
	repo := openIn(t, h.memory)
	var made [4]*format.Manifest
	var begun, all sync.WaitGroup
	begun.Add(len(made))
	for i := range made {
		c := beginClone(t, repo, fmt.Sprint("m", i), h.disk)
		all.Go(func() {
			begun.Done()
			begun.Wait()
			c.put(0, 1, 2)
			var err error
			if made[i], err = c.end(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := stored(made[:]...); n != h.data {
		t.Errorf("%d bytes are new, not %d", n, h.data)
	}
	noBlockTwice(t, openIn(t, h.memory))
	whole(t, h.memory, h.held(made[:]...))
}

// A point that names what another writer is still writing is whole from the beginning, whatever becomes of the other.
func TestCloneCommitsBeforeItsTwin(t *testing.T) {
	t.Parallel()
	for _, aborts := range []bool{false, true} {
		h := newHerd(t)
		repo := openIn(t, h.memory)
		a, b := beginClone(t, repo, "a", h.disk), beginClone(t, repo, "b", h.disk)
		a.put(0, 1)
		b.put(1, 2, 0)
		second, err := b.end()
		if err != nil {
			t.Fatal(err)
		}
		if n := stored(second); n != h.data/33 {
			t.Errorf("%d bytes of %d are new", n, h.data)
		}
		whole(t, h.memory.Clone(), h.held(second)) // as if the process had died now
		a.put(2)
		if aborts {
			a.abort()
			if _, err := pruneIn(t, h.memory); err != nil {
				t.Fatal(err)
			}
			whole(t, h.memory, h.held(second))
			continue
		}
		first, err := a.end()
		if err != nil {
			t.Fatal(err)
		}
		noBlockTwice(t, repo)
		whole(t, h.memory, h.held(first, second))
	}
}

// Wherever the process dies, a point that was acknowledged is whole.
func TestClonesCrashAtEveryOperation(t *testing.T) {
	t.Parallel()
	h := newHerd(t)
	h.disk = h.disk[:18<<20]
	play := func(s object.Store) (made []*format.Manifest) {
		repo, err := index.Open(context.Background(), s, index.OpenOptions{Table: t.TempDir()})
		if err != nil {
			return nil
		}
		defer repo.Close()
		var twins [2]*index.Writer
		var workers [2]*index.Worker
		var disks [2]*index.DiskWriter
		for i := range twins {
			if twins[i], err = repo.Begin(context.Background(), index.BeginOptions{Machine: fmt.Sprint("m", i)}); err != nil {
				return nil
			}
			disks[i], _ = twins[i].Disk(format.Disk{ID: "vda", Name: "vda", Size: int64(len(h.disk))}, nil, false)
			workers[i], _ = twins[i].Worker()
		}
		put := func(i int, leaf int64) { fillLeaf(context.Background(), workers[i], disks[i], leaf, h.disk, nil) }
		put(0, 0)
		put(1, 0)
		put(1, 1)
		for _, i := range []int{1, 0} {
			workers[i].Close()
			if m, err := twins[i].Commit(context.Background()); err == nil {
				made = append(made, m)
			}
			if i == 1 {
				put(0, 1)
			}
		}
		return made
	}
	all := objecttest.NewCrash(h.memory, 0)
	if made := play(all); len(made) != 2 {
		t.Fatalf("%d points", len(made))
	}
	for n := int64(1); n <= all.Ops(); n++ {
		crash := objecttest.NewCrash(h.memory, n)
		made := play(crash)
		memory := crash.Survivor()
		listed := pointsIn(t, memory)
		for _, m := range made {
			if !listed[m.Point] {
				t.Fatalf("operation %d: an acknowledged point is not there", n)
			}
		}
		holds := map[format.UUID][]byte{}
		for p := range listed {
			holds[p] = h.disk
		}
		whole(t, memory, holds)
	}
}

// When the pack of one writer comes to nothing, the other's point does not exist, and the next try stores the blocks anew.
func TestClonesPackIsLost(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]func(a *clone){
		"by its own writer": func(a *clone) { a.k.Close() },
		"by the other":      func(*clone) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, fail := newHerd(t), true
			repo := openIn(t, objecttest.NewFault(h.memory, func(op objecttest.Op) objecttest.Act {
				if fail && op.Verb == objecttest.Commit && strings.HasPrefix(op.Name, "packs/") && op.Len > 10_000 { // no tree's
					return objecttest.Act{Before: syscall.ENOSPC}
				}
				return objecttest.Act{}
			}))
			a, b := beginClone(t, repo, "a", h.disk), beginClone(t, repo, "b", h.disk)
			a.put(0, 1, 2)
			b.put(0, 1, 2)
			first(a)
			if _, err := b.end(); !errors.Is(err, index.ErrCollected) || !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("the other's commit: %v", err)
			}
			if _, err := a.end(); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("its own commit: %v", err)
			}
			if n := repo.Shelved(); n > 0 {
				t.Errorf("%d blocks of the lost pack are shelved", n)
			}
			fail = false
			b.w.Abort(t.Context())
			b = beginClone(t, repo, "b", h.disk)
			b.put(0, 1, 2)
			m, err := b.end()
			if err != nil {
				t.Fatal(err)
			}
			whole(t, h.memory, h.held(m))
		})
	}
}

// What a writer stored that gave up is another's to name until a collection takes it: then that has to be captured again.
func TestClonesTwinGivesUpAndIsCollected(t *testing.T) {
	t.Parallel()
	for name, goes := range map[string]func(t *testing.T, h *herd, a *clone){
		"aborted": func(_ *testing.T, _ *herd, a *clone) { a.abort() },
		"broken":  func(t *testing.T, h *herd, a *clone) { breakOne(t, h.memory, "a") },
	} {
		for _, sealed := range []bool{true, false} {
			t.Run(fmt.Sprint(name, sealed), func(t *testing.T) {
				t.Parallel()
				h := newHerd(t)
				repo := openIn(t, h.memory)
				a, b := beginClone(t, repo, "a", h.disk), beginClone(t, repo, "b", h.disk)
				a.put(0, 1)
				if sealed {
					b.put(0)
				}
				if err := a.k.Close(); err != nil {
					t.Fatal(err)
				}
				goes(t, h, a)
				b.put(1, 2)
				if !sealed {
					b.put(0)
				}
				if res, err := pruneIn(t, h.memory); err != nil || res.Dropped == 0 {
					t.Fatalf("%+v, %v", res, err)
				}
				if _, err := b.end(); !errors.Is(err, index.ErrCollected) {
					t.Errorf("commit: %v", err)
				}
				b.w.Abort(t.Context())
				b = beginClone(t, repo, "b", h.disk)
				b.put(0, 1, 2)
				m, err := b.end()
				if err != nil {
					t.Fatal(err)
				}
				whole(t, h.memory, h.held(m))
			})
		}
	}
}

// breakOne ends a machine's session, as another host does that thinks its writer dead.
func breakOne(t *testing.T, s object.Store, machine string) {
	t.Helper()
	repo := openIn(t, s)
	sessions, err := repo.Sessions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sessions {
		if s.Name != machine {
			continue
		}
		if err := repo.Break(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

// Blocks of a writer that gave up, which a collection has condemned and not deleted yet, are stored again.
func TestClonesTwinIsBeingCollected(t *testing.T) {
	t.Parallel()
	h := newHerd(t)
	repo := openIn(t, h.memory)
	a, b := beginClone(t, repo, "a", h.disk), beginClone(t, repo, "b", h.disk)
	a.put(0, 1, 2)
	b.put(0, 1, 2)
	a.abort()
	var made *format.Manifest
	var once sync.Once
	pruner := openIn(t, objecttest.NewFault(h.memory, func(op objecttest.Op) objecttest.Act {
		if op.Verb == objecttest.Delete && strings.HasPrefix(op.Name, "packs/") {
			once.Do(func() {
				var err error
				if made, err = b.end(); err != nil {
					t.Error(err)
				}
			})
		}
		return objecttest.Act{}
	}))
	if _, err := pruner.Prune(t.Context(), index.PruneOptions{}); err != nil || made == nil {
		t.Fatalf("%v, %v", made, err)
	}
	whole(t, h.memory, h.held(made))
}

// A collection leaves the packs of a writer at work as they are, although others name some of what they hold: the writer
// goes on as if nothing had been.
func TestPruneSparesWhatTwinsShare(t *testing.T) {
	t.Parallel()
	h := newHerd(t)
	repo := openIn(t, h.memory)
	half := bytes.Clone(h.disk)
	clear(half[16<<20:])
	a, b := beginClone(t, repo, "a", h.disk), beginClone(t, repo, "b", half)
	a.put(0, 1)
	b.put(0, 1, 2)
	second, err := b.end()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if res, err := pruneIn(t, h.memory); err != nil || res.Spared == 0 || res.Moved > 0 {
			t.Errorf("%+v, %v", res, err)
		}
	}
	a.put(2)
	first, err := a.end()
	if err != nil {
		t.Fatal(err)
	}
	noBlockTwice(t, repo)
	holds := map[format.UUID][]byte{first.Point: h.disk, second.Point: half}
	whole(t, h.memory, holds)
	forgetPoint(t, h.memory, first)
	delete(holds, first.Point)
	if res, err := pruneIn(t, h.memory); err != nil || res.Moved == 0 {
		t.Errorf("%+v, %v", res, err)
	}
	whole(t, h.memory, holds)
}

// A late store answers a pack's commit only when it is let go.
type late struct {
	object.Store
	done, goOn chan struct{}
}

func (l late) PutIfAbsent(ctx context.Context, name string) (object.Upload, error) {
	u, err := l.Store.PutIfAbsent(ctx, name)
	if !strings.HasPrefix(name, "packs/") {
		return u, err
	}
	return lateUpload{u, l}, err
}

type lateUpload struct {
	object.Upload
	late
}

func (u lateUpload) Commit() error {
	err := u.Upload.Commit()
	select {
	case u.done <- struct{}{}:
		<-u.goOn
	default:
	}
	return err
}

// A pack may be there and collected again before its writer knows that it is durable. Who begins in between must not name it,
// as no collection stands any more that tells.
func TestClonesPackIsKnownLate(t *testing.T) {
	t.Parallel()
	h := newHerd(t)
	store := late{h.memory, make(chan struct{}), make(chan struct{})}
	repo := openIn(t, store)
	a := beginClone(t, repo, "a", h.disk)
	a.put(0, 1, 2)
	closed := make(chan error, 1)
	go func() { closed <- a.k.Close() }()
	<-store.done
	breakOne(t, h.memory, "a")
	if res, err := pruneIn(t, h.memory); err != nil || res.Dropped != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	if left := leftovers(t, h.memory); len(left) > 0 {
		t.Fatalf("left behind: %v", left)
	}
	b := beginClone(t, repo, "b", h.disk)
	b.put(0)
	letGo := time.AfterFunc(10*time.Second, func() { close(store.goOn) }) // so that waiting for it is an end, too
	b.put(1)
	if letGo.Stop() {
		close(store.goOn)
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	b.put(2)
	m, err := b.end()
	if err != nil {
		t.Fatal(err)
	}
	whole(t, h.memory, h.held(m))
	if _, err := a.w.Commit(t.Context()); !errors.Is(err, index.ErrBroken) && !errors.Is(err, index.ErrCollected) {
		t.Errorf("the broken one: %v", err)
	}
	whole(t, h.memory, h.held(m))
}

// What leaves the shelf for the table is found there, also by those who began before, and the shelf does not grow.
func TestClonesFindWhatWasSpilled(t *testing.T) {
	t.Parallel()
	h := newHerd(t)
	repo := openIn(t, h.memory)
	a, b := beginClone(t, repo, "a", h.disk), beginClone(t, repo, "b", h.disk)
	a.put(0, 1)
	if err := a.k.Close(); err != nil {
		t.Fatal(err)
	}
	before := repo.Shelved()
	if err := repo.Spill(); err != nil {
		t.Fatal(err)
	}
	if n := repo.Shelved(); n > 0 || before == 0 {
		t.Errorf("%d blocks of %d are shelved", n, before)
	}
	b.put(0, 1, 2)
	if err := repo.Spill(); err != nil {
		t.Fatal(err)
	}
	if n := int64(repo.Shelved()) * block.Size; n != h.data/33 {
		t.Errorf("%d bytes are shelved of the open pack", n)
	}
	m, err := b.end()
	if err != nil {
		t.Fatal(err)
	}
	if n := stored(m); n != h.data/33 {
		t.Errorf("%d bytes of %d are new", n, h.data)
	}
	if n := repo.Shelved(); n > 0 {
		t.Errorf("%d blocks are shelved", n)
	}
	whole(t, h.memory, h.held(m))
}

// Who begins beside others reads none of their packs, as the shelf has what lies in them.
func TestClonesBeginWithoutReading(t *testing.T) {
	t.Parallel()
	h := newHerd(t)
	var read atomic.Int64
	repo := openIn(t, objecttest.NewFault(h.memory, func(op objecttest.Op) objecttest.Act {
		if op.Verb == objecttest.Get && strings.HasPrefix(op.Name, "packs/") {
			read.Add(1)
		}
		return objecttest.Act{}
	}))
	a := beginClone(t, repo, "a", h.disk)
	a.put(0, 1, 2)
	if err := a.k.Close(); err != nil {
		t.Fatal(err)
	}
	b := beginClone(t, repo, "b", h.disk)
	if n := read.Load(); n > 0 {
		t.Errorf("%d reads", n)
	}
	b.put(0, 1, 2)
	m, err := b.end()
	if err != nil {
		t.Fatal(err)
	}
	if n := stored(m); n > 0 || read.Load() == 0 { // whether the pack says so, too, is looked at
		t.Errorf("%d bytes are new after %d reads", n, read.Load())
	}
	whole(t, h.memory, h.held(m))
}

// Two who meet a block at the same moment do not both store it. When the first cannot, the other does; and nobody has to wait
// who has been called off.
func TestClonesMeetAtABlock(t *testing.T) {
	t.Parallel()
	for _, fails := range []error{nil, syscall.EIO} {
		h := newHerd(t)
		begun, goOn := make(chan struct{}), make(chan struct{})
		var once sync.Once
		repo := openIn(t, objecttest.NewFault(h.memory, func(op objecttest.Op) (act objecttest.Act) {
			if op.Verb == objecttest.Put && strings.HasPrefix(op.Name, "packs/") {
				once.Do(func() {
					close(begun)
					<-goOn
					act.Before = fails
				})
			}
			return act
		}))
		a, b := beginClone(t, repo, "a", h.disk), beginClone(t, repo, "b", h.disk)
		first := make(chan error, 1)
		go func() { first <- fillLeaf(t.Context(), a.k, a.d, 0, h.disk, nil) }()
		<-begun
		short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := fillLeaf(short, b.k, b.d, 0, h.disk, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("called off: %v", err)
		}
		second := make(chan error, 1)
		go func() { second <- fillLeaf(t.Context(), b.k, b.d, 0, h.disk, nil) }()
		select {
		case err := <-second:
			t.Errorf("the other did not wait: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
		close(goOn)
		if err := <-first; !errors.Is(err, fails) {
			t.Errorf("%v, not %v", err, fails)
		}
		if err := <-second; err != nil {
			t.Fatal(err)
		}
		b.put(1, 2)
		m, err := b.end()
		if err != nil {
			t.Fatal(err)
		}
		a.k.Close()
		noBlockTwice(t, repo)
		whole(t, h.memory, h.held(m))
	}
}
