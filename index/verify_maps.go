package index

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/pack"
)

// A nodePlace is a stored node where it stands in a disk: its digest depends on both.
type nodePlace struct {
	at    format.Address
	hash  format.NodeHash
	level uint8
	index int64
}

// known is what a node was found whole as, with all below it.
type known struct {
	digest block.Digest
	since  instant // oldest of the packs that they lie in
}

// walkMaps walks the maps of all points, what they share once, and notes what each bad block hurts.
func (v *verifier) walkMaps(ctx context.Context) error {
	v.stamp()
	v.findReplaced(ctx)
	defer v.dropReplaced()
	for _, m := range v.points {
		since := nothing
		for i := range m.Disks {
			of, err := v.walkMap(ctx, m, &m.Disks[i])
			if err != nil {
				return err
			}
			since = min(since, of)
		}
		switch {
		case !slices.ContainsFunc(m.Disks, func(d format.Disk) bool { return d.HasImage() }):
			since = never
		case since == nothing: // its disks are zeros
			since = v.start.UnixNano()
		}
		v.walked[m.Point] = since
		v.o.Progress.Points.Add(1)
	}
	return nil
}

// walkMap gives the oldest instant of the packs that a disk's map names, never when the disk is not whole.
func (v *verifier) walkMap(ctx context.Context, m *format.Manifest, d *format.Disk) (since instant, err error) {
	if !d.HasImage() {
		return nothing, nil
	}
	s := &survey{v: v, m: m, d: d, digests: v.r.ring.Digests()}
	for level := range s.since {
		s.since[level].index = -1 // of no node yet
	}
	im, err := v.r.image(m, d, v.maps)
	if err != nil {
		if !errors.Is(err, ErrCorrupt) {
			return never, err
		}
		s.hurt(v.add(s.name(), err), 0, d.Blocks())
		return never, nil
	}
	whole, err := im.tree.Survey(ctx, s)
	if err != nil || !whole {
		return never, err
	}
	if digestBytes(im.tree.Digest()) != d.Digest {
		s.hurt(v.add(s.name(), fmt.Errorf("disk %s has another digest than its map: %w", d.Name, ErrCorrupt)), 0, d.Blocks())
		return never, nil
	}
	return s.since[d.Height].at(0), nil
}

// A survey is the walk over one disk's map. It implements imagemap.Surveyor.
type survey struct {
	v       *verifier
	m       *format.Manifest
	d       *format.Disk
	digests *block.Summer
	since   [format.MaxHeight + 1]since // by level
}

// since is the oldest instant of the packs that one node's children name and lie in: of the node that the walk is below.
type since struct {
	index  int64
	oldest instant
}

func (s since) at(index int64) instant {
	if s.index != index {
		return nothing // no child of that node has data
	}
	return s.oldest
}

func (s *since) add(index int64, t instant) { *s = since{index, min(s.at(index), t)} }

func (s *survey) name() string { return pointName(s.v.r.ring.Tag(s.m.Machine), s.m.Point) }

func (s *survey) Known(level uint8, index int64, c format.Child) (block.Digest, bool) {
	s.v.names(c.At, 1)
	k, ok := s.v.known[nodePlace{c.At, c.Hash, level, index}]
	if ok {
		s.since[level+1].add(index/format.Fan, k.since)
	}
	return k.digest, ok
}

func (s *survey) Whole(level uint8, index int64, c format.Child, d block.Digest) {
	k := known{d, min(s.since[level].at(index), s.v.since(c.At.Pack))}
	s.v.known[nodePlace{c.At, c.Hash, level, index}] = k
	s.since[level+1].add(index/format.Fan, k.since)
}

func (s *survey) Broken(level uint8, index int64, c format.Child, err error) error {
	if !errors.Is(err, ErrCorrupt) {
		return err
	}
	p := s.v.badAt(c.At)
	if p == nil && errors.Is(err, pack.ErrMissing) {
		p = s.v.missing(context.Background(), c.At, err)
	}
	if p == nil {
		p = s.v.badSlot(pack.Name(c.At.Pack), c.At, err)
		s.v.suspect(c.At.Pack)
	}
	s.hurt(p, index*format.Span(level), format.Span(level))
	return nil
}

func (s *survey) Leaf(ctx context.Context, index int64, l *format.Leaf) (bool, error) {
	first := index << format.Log2Leaf
	whole := true
	s.since[1] = since{index, nothing}
	sum, summed := block.Digest{}, true
	for _, r := range l.Runs {
		if r.Kind == format.Data {
			s.since[1].add(index, s.v.since(r.At.Pack))
			s.v.names(r.At, r.N)
		}
		for i := r.First; i < r.First+r.N; i++ {
			id, ok, err := s.block(ctx, r, i, first+int64(i))
			if err != nil {
				return false, err
			}
			whole = whole && ok
			summed = summed && (r.Kind == format.Zero || id != block.ID{})
			if r.Kind != format.Zero {
				sum = sum.Add(s.digests.Term(first+int64(i), id))
			}
		}
	}
	if summed && sum != l.Digest {
		err := fmt.Errorf("leaf %d of disk %s does not agree with the packs: %w", index, s.d.Name, ErrCorrupt)
		s.hurt(s.v.add(s.name(), err), first, int64(l.N))
		return false, nil
	}
	return whole, nil
}

// block looks at block i of a run: its ID, zero when that cannot be had, and whether it can be read.
func (s *survey) block(ctx context.Context, r format.Run, i int, number int64) (id block.ID, whole bool, err error) {
	switch r.Kind {
	case format.Zero:
		return id, true, nil
	case format.Unknown:
		return block.Unknown, true, nil
	}
	at := r.Address(i)
	if p := s.v.badAt(at); p != nil {
		s.hurt(p, number, 1)
		return id, false, nil
	}
	id, err = s.v.r.blockID(ctx, at)
	switch {
	case err == nil:
		return id, true, nil
	case errors.Is(err, pack.ErrMissing):
		s.hurt(s.v.missing(ctx, at, err), number, 1) // from now on badAt tells of it
		return block.ID{}, false, ctx.Err()
	case errors.Is(err, ErrCorrupt): // the trailer's IDs, which reading does without
		return block.ID{}, true, nil
	}
	return id, false, err
}

// hurt notes that n blocks from first on cannot be read because of p, joining neighbours.
func (s *survey) hurt(p *Problem, first, n int64) {
	if p == nil {
		return
	}
	off := first << block.Log2Size
	length := min(n<<block.Log2Size, s.d.Size-off)
	if k := len(p.Hurts) - 1; k >= 0 {
		if h := &p.Hurts[k]; h.Point == s.m.Point && h.Disk == s.d.Name && h.Off+h.Len == off {
			h.Len += length
			return
		}
	}
	p.Hurts = append(p.Hurts, Hurt{s.m.MachineName, s.m.Name, s.m.Point, s.d.Name, off, length})
}
