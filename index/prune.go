package index

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"vbfs/index/format"
	"vbfs/index/pack"
)

// PruneOptions says how much is collected. The zero value drops what nothing names at all, and moves what else has to be
// moved until nothing is unused.
type PruneOptions struct {
	MaxUnused func(total int64) int64 // bytes that may stay unused, of so many; nil is none
	MaxRepack int64                   // bytes that are moved at most; 0 is no limit
	DryRun    bool
	Reserve   bool // see to the bytes that are kept for a full disk
	Progress  *PruneProgress
}

// PruneProgress counts a collection's steps. It may be read while the work goes on.
type PruneProgress struct {
	Points       atomic.Int64 // whose maps were walked
	Packs        atomic.Int64 // packs and bundles that were looked at
	Total, Moved atomic.Int64 // bytes to be moved
}

// Pruned is what a collection came to, or would.
type Pruned struct {
	Points  int64   // whose maps were walked
	Objects int     // packs and bundles that are there afterwards
	Dropped int     // packs and bundles deleted
	Freed   int64   // bytes that came free, less what was written
	Moved   int64   // bytes of blocks that were moved
	Bundles int     // that were written
	Unused  int64   // bytes that nobody needs and that stay, in objects that are worth keeping
	Spared  int     // packs that a writer at work has stored
	Broken  int     // sessions of dead writers that were ended
	Damaged []error // objects that were left alone
	More    bool    // another run would move more
	Short   error   // why not all was moved that should be: no room
}

// Prune deletes what no point names, while backups, mounts and restores go on. It marks by walking the maps of all points;
// when anything cannot be listed or read it stops and has deleted nothing. Killed at any instant, it leaves all points
// whole, and the next one goes on. ErrLocked when another collection is at work.
func (r *Repository) Prune(ctx context.Context, o PruneOptions) (*Pruned, error) {
	if o.Progress == nil {
		o.Progress = new(PruneProgress)
	}
	if o.MaxUnused == nil {
		o.MaxUnused = func(int64) int64 { return 0 }
	}
	if o.MaxRepack == 0 {
		o.MaxRepack = math.MaxInt64
	}
	p := &prune{r: r, o: o, result: &Pruned{}, dropped: map[string]bool{}}
	return p.result, p.run(ctx)
}

// A prune is one collection on its way.
type prune struct {
	r      *Repository
	o      PruneOptions
	result *Pruned

	before []*collection // that stood when this one began
	marker *marker
	stock  *inventory
	chosen []*holder

	dropped  map[string]bool // objects
	recorded bool            // moves
	mine     []format.UUID   // this one's objects in gc/; the first is the claim, which condemns nothing
	sessions []format.UUID   // at work when it had condemned
}

func (p *prune) run(ctx context.Context) error {
	steps := []func(context.Context) error{p.begin, p.mark, p.plan, p.condemn, p.spare}
	if p.o.DryRun {
		steps = steps[:3]
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return errors.Join(err, p.withdraw(ctx))
		}
	}
	if p.o.DryRun {
		return nil
	}
	p.result.Freed = 0 // now it is counted
	if err := p.collect(ctx); err != nil {
		return err
	}
	return p.end(ctx)
}

// begin sees to it that nobody else collects, and ends the sessions of dead writers, whose packs would be spared. That two
// may collect at once all the same does no harm, but one of them finds gone what it wants to look at.
func (p *prune) begin(ctx context.Context) (err error) {
	if err := collectable(ctx, p.r.store); err != nil {
		return err
	}
	if !p.o.DryRun {
		if err := mayDelete(ctx, p.r.store, gcName(format.UUID{}), pack.MovesName(1), packsFolder+"/any"); err != nil {
			return err
		}
		claim := p.collection()
		if err := p.r.makingRoom(ctx, func() error { return p.put(ctx, claim) }); err != nil {
			return fmt.Errorf("store collection: %w", err)
		}
	}
	all, err := p.r.collections(ctx)
	if err != nil {
		return err
	}
	p.before = slices.DeleteFunc(all, func(c *collection) bool { return slices.Contains(p.mine, c.id) })
	for _, c := range p.before {
		if c.done == nil && c.alive() {
			return fmt.Errorf("by process %d on %s since %s: %w", c.PID, c.Host, c.Start.Format(time.RFC3339), ErrCollecting)
		}
	}
	sessions, err := p.r.Sessions(ctx)
	if err != nil || p.o.DryRun {
		return err
	}
	for _, s := range sessions {
		if Alive(s) {
			continue
		}
		if err := p.r.Break(ctx, s); err != nil {
			return err
		}
		p.result.Broken++
	}
	return nil
}

// alive tells whether a collection's process may still be at work.
func (c *collection) alive() bool {
	return Alive(&format.Session{Host: c.Host, PID: c.PID, Boot: c.Boot, Lease: c.Start.Add(lease)})
}

// mark is P1. Packs are listed before sessions, these before what is pending, that before points: the writer of a pack
// that was listed is then found at work, or about to commit, or its point is, or it gave up.
func (p *prune) mark(ctx context.Context) error {
	r := p.r
	packs, _, err := r.storedPacks(ctx)
	if err != nil {
		return err
	}
	bundles, err := r.storedBundles(ctx)
	if err != nil {
		return err
	}
	m, err := r.packs.Moves(ctx)
	if err != nil {
		return err
	}
	p.stock = &inventory{r: r, moves: m, packs: map[format.PackID]int64{}, bundles: bundles, spared: map[format.Mark]bool{}}
	for _, s := range packs {
		p.stock.packs[s.id] = s.size
	}
	for _, c := range p.before {
		if c.done == nil {
			p.stock.haunt(c)
		}
	}
	sessions, err := r.Sessions(ctx)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		p.stock.spared[format.MarkOf(s.Point)] = true
	}
	p.marker = newMarker(r, m)
	p.stock.live = p.marker.live
	return p.marker.markAll(ctx, p.o.Progress)
}

// plan decides what goes and what is moved.
func (p *prune) plan(ctx context.Context) error {
	if err := p.stock.take(ctx, p.o.Progress); err != nil {
		return err
	}
	res := p.result
	p.chosen, res.More = p.stock.choose(p.o.MaxUnused, p.o.MaxRepack)
	res.Points, res.Damaged = p.o.Progress.Points.Load(), p.stock.damaged
	res.Objects = len(p.stock.packs) + len(p.stock.bundles)
	for _, ids := range [][]format.PackID{p.stock.dead, p.stock.left} {
		res.Dropped += len(ids)
		for _, id := range ids {
			res.Freed += p.stock.packs[id]
		}
	}
	for id := range p.stock.packs {
		if p.stock.spared[id.Mark()] {
			res.Spared++
		}
	}
	taken := map[*holder]bool{}
	for _, h := range p.chosen {
		taken[h] = true
		res.Moved += h.live
		res.Freed += h.unused()
		res.Dropped++
	}
	for _, h := range p.stock.holders {
		if !taken[h] {
			res.Unused += h.unused()
		}
	}
	p.o.Progress.Total.Store(res.Moved)
	return nil
}

// maxCondemned is how many slots one object of gc/ names: 20 MiB, which writers read.
const maxCondemned = 2 << 20

// condemn is P2.
func (p *prune) condemn(ctx context.Context) error {
	if err := p.mayDrop(ctx); err != nil {
		return err
	}
	slots, gone, err := p.stock.deadSlots(ctx, p.chosen)
	if err != nil {
		return err
	}
	return p.putAll(ctx, sortPacks(append(gone, p.stock.dead...)), slots)
}

// putAll stores as many collections as it takes.
func (p *prune) putAll(ctx context.Context, packs []format.PackID, slots []format.Address) error {
	for len(packs) > 0 || len(slots) > 0 {
		c := p.collection()
		c.Moves = uint64(p.stock.moves.N)
		n := min(len(packs), maxCondemned)
		c.Packs, packs = packs[:n], packs[n:]
		n = min(len(slots), maxCondemned)
		c.Slots, slots = slots[:n], slots[n:]
		if err := p.r.makingRoom(ctx, func() error { return p.put(ctx, c) }); err != nil {
			return fmt.Errorf("store collection: %w", err)
		}
	}
	return nil
}

// mayDrop refuses when something of what is to go cannot be deleted.
func (p *prune) mayDrop(ctx context.Context) error {
	var names []string
	for _, id := range slices.Concat(p.stock.dead, p.stock.left) {
		names = append(names, pack.Name(id))
	}
	for _, h := range p.chosen {
		names = append(names, h.name())
	}
	return mayDelete(ctx, p.r.store, names...)
}

func (p *prune) collection() *format.Collection {
	return &format.Collection{Host: hostname(), PID: int64(os.Getpid()), Boot: bootID(), Start: time.Now().UTC()}
}

// put stores a collection under a name that never was.
func (p *prune) put(ctx context.Context, c *format.Collection) error {
	var id format.UUID
	rand.Read(id[:])
	if err := p.r.put(ctx, format.KindCollection, gcName(id), c); err != nil {
		return err
	}
	p.mine = append(p.mine, id)
	return nil
}

// withdraw takes back what was condemned, before anything was deleted.
func (p *prune) withdraw(ctx context.Context) (all error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	for _, id := range p.mine {
		all = errors.Join(all, ignoreMissing(p.r.store.Delete(ctx, gcName(id))))
	}
	return all
}

// spare is P3: what was named meanwhile stays. A writer that lies aside only after this lists gc/ after P2.
func (p *prune) spare(ctx context.Context) error {
	sessions, err := p.r.Sessions(ctx)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		p.sessions = append(p.sessions, s.Point)
	}
	return p.marker.markAll(ctx, new(PruneProgress))
}

// collect is P4.
func (p *prune) collect(ctx context.Context) error {
	if err := p.dropDead(ctx); err != nil {
		return err
	}
	if err := p.move(ctx); err != nil {
		return err
	}
	p.result.Dropped = len(p.dropped)
	return p.shrinkTable(ctx)
}

// dropDead deletes the packs of which nothing is named still.
func (p *prune) dropDead(ctx context.Context) error {
	dead := slices.DeleteFunc(slices.Clone(p.stock.dead), func(id format.PackID) bool { return p.stock.live[id] != nil })
	return p.drop(ctx, p.sizes(dead))
}

// sizes gives the names and sizes of packs that were listed.
func (p *prune) sizes(packs []format.PackID) map[string]int64 {
	out := map[string]int64{}
	for _, id := range packs {
		out[pack.Name(id)] = p.stock.packs[id]
	}
	return out
}

// drop deletes objects, given with their sizes, which another may have done before.
func (p *prune) drop(ctx context.Context, sizes map[string]int64) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(deleteAtOnce)
	var mu sync.Mutex // guards what of p is changed
	for name, size := range sizes {
		g.Go(func() error {
			if err := ignoreMissing(p.r.store.Delete(ctx, name)); err != nil {
				return fmt.Errorf("collect: %w", err)
			}
			mu.Lock()
			defer mu.Unlock()
			p.dropped[name] = true
			p.result.Objects--
			p.result.Freed += size
			return nil
		})
	}
	return g.Wait()
}
