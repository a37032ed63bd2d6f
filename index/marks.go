package index

import (
	"context"
	"errors"
	"fmt"
	mathbits "math/bits"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"vbfs/index/format"
	"vbfs/index/imagemap"
	"vbfs/index/object"
	"vbfs/index/pack"
)

// marks are the slots that something names: a bit each, so that 10 TiB of blocks are 20 MiB and what 160,000 packs add.
type marks map[format.PackID]bits

type bits []uint64

func (b bits) has(slot uint16) bool {
	i := int(slot >> 6)
	return i < len(b) && b[i]>>(slot&63)&1 == 1
}

func (b bits) count() (n int) {
	for _, w := range b {
		n += mathbits.OnesCount64(w)
	}
	return n
}

// add marks slots of a pack and tells whether the first of them is new.
func (m marks) add(a format.Address, n int) (fresh bool) {
	b := m[a.Pack]
	last := int(a.Slot) + n - 1
	if old := len(b); old <= last>>6 {
		b = append(b, make(bits, last>>6+1-old)...)
		m[a.Pack] = b
	}
	fresh = !b.has(a.Slot)
	for s := int(a.Slot); s <= last; s++ {
		b[s>>6] |= 1 << (s & 63)
	}
	return fresh
}

func (m marks) remove(a format.Address) { m[a.Pack][a.Slot>>6] &^= 1 << (a.Slot & 63) }

func (m marks) has(a format.Address) bool { return m[a.Pack].has(a.Slot) }

// A marker marks what points name. Subtrees that were walked before are not walked again: a node's address never gets
// other content. Nothing is kept for the next collection: what a node names takes three quarters of the node's own bytes,
// and to read that instead was less than three times as fast.
type marker struct {
	r     *Repository
	moves *pack.Moves
	maps  *imagemap.Cache // which keeps nothing: each node is wanted once

	mu     sync.Mutex // guards the three below while walks are on
	live   marks      // only grows: what was named when it was condemned or not stays so
	walked marks      // nodes that some walk has taken upon itself
	again  bool       // a walk was let go on past a node that others may have left to it

	seen   map[string]bool // names of points and voids
	points map[format.UUID]bool
}

func newMarker(r *Repository, m *pack.Moves) *marker {
	return &marker{
		r: r, moves: m, maps: imagemap.NewCache(0), live: marks{}, walked: marks{},
		seen: map[string]bool{}, points: map[format.UUID]bool{},
	}
}

// markAll marks what writers that are about to commit name, then what points name: who commits meanwhile is found among
// the one or the other.
func (k *marker) markAll(ctx context.Context, p *PruneProgress) error {
	if err := k.pending(ctx); err != nil {
		return err
	}
	return k.committed(ctx, p)
}

// pending marks what lies aside. What of it is missing its writer finds out; the rest counts all the same.
func (k *marker) pending(ctx context.Context) error {
	for info, err := range k.r.store.List(ctx, pendingFolder) {
		if err != nil {
			return fmt.Errorf("list pending points: %w", err)
		}
		var m format.Manifest
		if err := k.r.get(ctx, format.KindPending, info.Name, &m); errors.Is(err, object.ErrNotExist) {
			continue // it was committed or given up: the former is listed below
		} else if err != nil {
			return err
		}
		if err := k.point(ctx, &m, k.aside); err != nil {
			return err
		}
	}
	return nil
}

// aside lets a walk go on past a node that is damaged or missing. Whoever comes by later has to read it.
func (k *marker) aside(c format.Child, err error) error {
	if err = ignoreDamage(err); err == nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.walked.remove(c.At)
	}
	return err
}

// committed marks what the points name that were not seen before. A point that is forgotten meanwhile may be damaged, but no
// other that left nodes to its walk: then all are walked anew.
func (k *marker) committed(ctx context.Context, p *PruneProgress) error {
	for {
		if err := k.walkPoints(ctx, p); err != nil || !k.again {
			return err
		}
		k.again, k.walked = false, marks{}
		clear(k.seen)
		p.Points.Store(0)
	}
}

// walkPoints walks as many points at once as there are cores: a walk mostly decodes.
func (k *marker) walkPoints(ctx context.Context, p *PruneProgress) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(1 + runtime.GOMAXPROCS(0))
	g.Go(func() error {
		return k.eachPoint(ctx, func(name string, m *format.Manifest) {
			g.Go(func() error {
				lost := func(c format.Child, err error) error { return k.lost(ctx, name, c, err) }
				if err := k.point(ctx, m, lost); err != nil {
					return fmt.Errorf("%s@%s: %w", m.MachineName, m.Name, err)
				}
				p.Points.Add(1)
				return nil
			})
		})
	})
	return g.Wait()
}

// eachPoint gives the points that were not seen before.
func (k *marker) eachPoint(ctx context.Context, do func(name string, m *format.Manifest)) error {
	for info, err := range k.r.store.List(ctx, pointsFolder) {
		if err != nil {
			return fmt.Errorf("list points: %w", err)
		}
		if k.seen[info.Name] {
			continue
		}
		m, err := k.r.openManifest(ctx, info.Name)
		if errors.Is(err, object.ErrNotExist) {
			continue // forgotten since it was listed
		}
		if err != nil {
			return err
		}
		k.seen[info.Name] = true
		if m == nil {
			continue // a void
		}
		k.points[m.Point] = true
		do(info.Name, m)
	}
	return nil
}

// forgotten tells whether a point went since it was listed: another collection may have taken what it names.
func (k *marker) forgotten(ctx context.Context, name string) bool {
	_, err := k.r.store.Stat(ctx, name)
	return errors.Is(err, object.ErrNotExist)
}

// lost lets a point's walk go on past a node only when it is known to be lost, or when the point is gone.
func (k *marker) lost(ctx context.Context, name string, c format.Child, err error) error {
	if k.moves.IsBad(c.At) {
		return nil
	}
	if !errors.Is(err, ErrCorrupt) || !k.forgotten(ctx, name) {
		return err
	}
	k.mu.Lock()
	k.again = true
	k.mu.Unlock()
	return k.aside(c, err)
}

func (k *marker) point(ctx context.Context, m *format.Manifest, lost func(format.Child, error) error) error {
	for i := range m.Disks {
		d := &m.Disks[i]
		if !d.HasImage() {
			continue
		}
		im, err := k.r.image(m, d, k.maps)
		if err != nil {
			return err
		}
		w := &markWalk{k: k}
		if err := im.tree.WalkPast(ctx, w.visit, w.run, lost); err != nil {
			return fmt.Errorf("disk %s: %w", d.Name, err)
		}
		w.flush()
	}
	return nil
}

// A markWalk is the walk of one map. It gathers runs, so that walks do not meet at every one.
type markWalk struct {
	k    *marker
	runs []imagemap.Run
}

// gathered is how many runs are marked at once: with one at a time, two walks would wait for each other.
const gathered = 64

// visit takes a node upon this walk, unless another has.
func (w *markWalk) visit(_ uint8, _ int64, c format.Child) (bool, error) {
	w.k.mu.Lock()
	defer w.k.mu.Unlock()
	w.k.live.add(c.At, 1)
	return w.k.walked.add(c.At, 1), nil
}

func (w *markWalk) run(r imagemap.Run) error {
	if w.runs = append(w.runs, r); len(w.runs) >= gathered {
		w.flush()
	}
	return nil
}

func (w *markWalk) flush() {
	w.k.mu.Lock()
	defer w.k.mu.Unlock()
	for _, r := range w.runs {
		w.k.live.add(r.At, int(r.N))
	}
	w.runs = w.runs[:0]
}
