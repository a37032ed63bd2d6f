package index_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/object/objecttest"
)

var interleavings = flag.Int("interleavings", 60, "how many random interleavings of writers and collectors are tried")

// A stage lets actors take turns, one storage operation at a time, as chance has it. An actor may do several at once, and may
// wait for another one without an operation.
type stage struct {
	r     *rand.Rand
	mu    sync.Mutex // guards all below
	busy  int        // actors that are between two operations, less what some do more than one of
	moves int        // that were made, of any kind
	stuck bool       // nothing moved for a while
	wait  []*turn
	idle  *sync.Cond
}

// patience is how long an actor may take from one operation to the next before others go on all the same.
const patience = 500 * time.Microsecond

// watch finds out that an actor is not on its way to its next operation, until it is called off.
func (s *stage) watch(done <-chan struct{}) {
	for last := -1; ; {
		select {
		case <-done:
			return
		case <-time.After(patience):
		}
		s.mu.Lock()
		s.stuck, last = last == s.moves, s.moves
		s.idle.Signal()
		s.mu.Unlock()
	}
}

type turn struct {
	come chan struct{}
}

func newStage(r *rand.Rand) *stage {
	s := &stage{r: r}
	s.idle = sync.NewCond(&s.mu)
	return s
}

// store gives an actor's view of a store. From operation die on, if that is not 0, the actor is dead.
func (s *stage) store(memory object.Store, die int) object.Store {
	n := 0
	return objecttest.NewFault(memory, func(objecttest.Op) objecttest.Act {
		t := &turn{make(chan struct{})}
		s.mu.Lock()
		s.wait = append(s.wait, t)
		s.busy--
		s.moves++
		s.idle.Signal()
		s.mu.Unlock()
		<-t.come
		s.mu.Lock()
		defer s.mu.Unlock()
		if n++; die > 0 && n >= die {
			return objecttest.Act{Before: objecttest.ErrCrashed}
		}
		return objecttest.Act{}
	})
}

// play runs actors to their ends.
func (s *stage) play(actors []func()) {
	s.busy = len(actors)
	left := len(actors)
	for _, a := range actors {
		go func() {
			a()
			s.mu.Lock()
			defer s.mu.Unlock()
			s.busy--
			s.moves++
			left--
			s.idle.Signal()
		}()
	}
	done := make(chan struct{})
	defer close(done)
	go s.watch(done)
	s.mu.Lock()
	defer s.mu.Unlock()
	for left > 0 {
		for left > 0 && (s.busy > 0 && !s.stuck || len(s.wait) == 0) { // an actor may have several operations under way
			s.idle.Wait()
		}
		if left == 0 {
			break
		}
		i := s.r.IntN(len(s.wait))
		t := s.wait[i]
		s.wait = append(s.wait[:i], s.wait[i+1:]...)
		s.busy++
		s.moves++
		s.stuck = false
		close(t.come)
	}
}

// putOn takes a disk in upon a base, of which it inherits what did not change.
func putOn(ctx context.Context, repo *index.Repository, machine string, disk []byte, base *format.Manifest, changed map[int64]bool) (*format.Manifest, error) {
	w, err := repo.Begin(ctx, index.BeginOptions{Machine: machine, Base: base})
	if err != nil {
		return nil, err
	}
	defer w.Abort(ctx)
	var parent *index.Image
	if base != nil {
		if parent, err = repo.Image(base, "vda"); err != nil {
			return nil, err
		}
	}
	d, err := w.Disk(format.Disk{ID: "vda", Name: "vda", Size: int64(len(disk))}, parent, changed != nil)
	if err != nil {
		return nil, err
	}
	if err := fill(ctx, w, d, disk, changed); err != nil {
		return nil, err
	}
	return w.Commit(ctx)
}

// A cast is what the actors of one interleaving know and did.
type cast struct {
	t      *testing.T
	r      *rand.Rand
	memory *objecttest.Memory
	stage  *stage
	holds  map[format.UUID][]byte
	points []*format.Manifest

	mu        sync.Mutex // guards all below
	made      []*format.Manifest
	held      map[format.UUID][]byte
	forgotten map[format.UUID]bool
	told      []string
}

// open opens the repository for an actor; a dead one has no error to tell.
func (c *cast) open(die int) *index.Repository { return c.openIn(c.stage.store(c.memory, die)) }

// flaky is a store that loses a pack now and then.
func (c *cast) flaky(s object.Store, seed uint64) object.Store {
	r := rand.New(rand.NewPCG(seed, 5))
	return objecttest.NewFault(s, func(op objecttest.Op) objecttest.Act {
		c.mu.Lock()
		defer c.mu.Unlock()
		if op.Verb == objecttest.Commit && strings.HasPrefix(op.Name, "packs/") && r.IntN(8) == 0 {
			return objecttest.Act{Before: syscall.EIO}
		}
		return objecttest.Act{}
	})
}

func (c *cast) openIn(s object.Store) *index.Repository {
	repo, err := index.Open(context.Background(), s, index.OpenOptions{Table: c.t.TempDir()})
	if err != nil {
		return nil
	}
	c.t.Cleanup(func() { repo.Close() })
	return repo
}

// writer makes a point, by changes to its machine's last one when base says so.
func (c *cast) writer(machine string, seed uint64, base *format.Manifest, die int) func() {
	return c.writerIn(func() *index.Repository { return c.open(die) }, machine, seed, base)
}

func (c *cast) writerIn(open func() *index.Repository, machine string, seed uint64, base *format.Manifest) func() {
	return func() {
		repo := open()
		if repo == nil {
			return
		}
		disk, from := make([]byte, sparseSize), base
		var changed map[int64]bool
		if base != nil {
			copy(disk, c.holds[base.Point])
		}
		changed = sparse(rand.New(rand.NewPCG(seed, 3)), disk, 12)
		if base == nil {
			changed = nil
		}
		m, err := putOn(context.Background(), repo, machine, disk, from, changed)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.told = append(c.told, fmt.Sprintf("writer of %s: %v", machine, err))
		if err == nil {
			c.made = append(c.made, m)
			c.held[m.Point] = disk
		}
	}
}

// forgetter forgets points, and may end sessions of writers that are alive.
func (c *cast) forgetter(points []*format.Manifest, breaks bool, die int) func() {
	return func() {
		store := c.stage.store(c.memory, die)
		for _, m := range points {
			c.mu.Lock()
			c.forgotten[m.Point] = true
			c.mu.Unlock()
			for info, err := range store.List(context.Background(), "points") {
				if err == nil && bytes.HasSuffix([]byte(info.Name), []byte(m.Point.String())) {
					store.Delete(context.Background(), info.Name)
				}
			}
		}
		if repo := c.open(die); repo != nil && breaks {
			sessions, _ := repo.Sessions(context.Background())
			for _, s := range sessions {
				repo.Break(context.Background(), s)
			}
		}
	}
}

func (c *cast) pruner(die int) func() {
	return func() {
		repo := c.open(die)
		if repo == nil {
			return
		}
		_, err := repo.Prune(context.Background(), index.PruneOptions{})
		c.mu.Lock()
		defer c.mu.Unlock()
		c.told = append(c.told, fmt.Sprintf("pruner: %v", err))
		if err != nil && die == 0 && errors.Is(err, index.ErrCorrupt) {
			c.t.Errorf("pruner: %v", err)
		}
	}
}

// mortal gives the operation at which an actor dies: mostly never.
func mortal(r *rand.Rand) int {
	if r.IntN(4) > 0 {
		return 0
	}
	return 1 + r.IntN(60)
}

// act plays one interleaving and takes over what came of it.
func (c *cast) act() {
	r := c.r
	c.stage = newStage(rand.New(rand.NewPCG(r.Uint64(), 9)))
	c.made, c.held, c.forgotten = nil, map[format.UUID][]byte{}, map[format.UUID]bool{}
	var base, goner []*format.Manifest
	for _, m := range c.points {
		if m.MachineName == "a" {
			base = append(base, m)
		}
		if r.IntN(3) == 0 {
			goner = append(goner, m)
		}
	}
	var on *format.Manifest
	if len(base) > 0 {
		on = base[len(base)-1]
	}
	die, twins := mortal(r), r.Uint64()
	together := sync.OnceValue(func() *index.Repository { // clones, by one process
		return c.openIn(c.flaky(c.stage.store(c.memory, die), twins))
	})
	c.stage.play([]func(){
		c.writerIn(together, "c", twins, nil),
		c.writerIn(together, "d", twins, nil),
		c.writer("a", r.Uint64(), on, mortal(r)),
		c.writer("b", r.Uint64(), nil, mortal(r)),
		c.forgetter(goner, r.IntN(8) == 0, mortal(r)),
		c.pruner(mortal(r)),
		c.pruner(mortal(r)),
	})
	index.Forgive(c.t, openIn(c.t, c.memory))
	var left []*format.Manifest
	listed := pointsIn(c.t, c.memory)
	for _, m := range append(c.points, c.made...) {
		if c.held[m.Point] != nil {
			c.holds[m.Point] = c.held[m.Point]
		}
		if !listed[m.Point] && c.forgotten[m.Point] {
			delete(c.holds, m.Point)
			continue
		}
		left = append(left, m)
	}
	c.points = left
}

func pointsIn(t *testing.T, s object.Store) map[format.UUID]bool {
	t.Helper()
	points, err := openIn(t, s).Points(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[format.UUID]bool{}
	for _, p := range points {
		out[p.Point] = true
	}
	return out
}

// However backups, forgets, broken sessions, deaths and collections mix, operation by operation: a point that was
// acknowledged is whole, and one that was not does not exist.
func TestInterleavedWritersAndCollectors(t *testing.T) {
	t.Parallel()
	const acts = 6
	for seed := range uint64(*interleavings / acts) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			c := &cast{t: t, r: rand.New(rand.NewPCG(seed, 11)), memory: objecttest.NewMemory(), holds: map[format.UUID][]byte{}}
			if err := index.Init(t.Context(), c.memory, index.InitOptions{NoEncryption: true, Compression: "lz4"}); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if t.Failed() {
					t.Logf("%q", c.told)
				}
				c.holds, c.held = nil, nil // package testing keeps what a cleanup leads to
			}()
			for range acts {
				c.act()
				whole(t, c.memory, c.holds)
			}
			for range 2 {
				if _, err := pruneIn(t, c.memory); err != nil {
					t.Fatal(err)
				}
			}
			whole(t, c.memory, c.holds)
			if left := leftovers(t, c.memory); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
