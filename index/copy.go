package index

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/lru"
)

// A Copier copies points into another repository, which may have other keys, another compression, or no encryption. It
// belongs to one goroutine.
type Copier struct {
	from, to *Repository
	progress *Progress
	ids      *lru.Cache[format.Address, block.ID] // of blocks of from, under to's key
}

// A block that many machines share is read once: of so many bytes of IDs the copier keeps, for some 40 GB of disk.
const (
	knownBytes = 64 << 20
	knownCost  = 160 // of an entry, with the cache's book-keeping
)

// NewCopier makes a copier. p may be nil.
func NewCopier(from, to *Repository, p *Progress) *Copier {
	if p == nil {
		p = new(Progress)
	}
	return &Copier{from, to, p, lru.New[format.Address, block.ID](knownBytes)}
}

// A Copied is what the copy of a point came to.
type Copied struct {
	Point    *format.Manifest // in the other repository
	There    bool             // it was there already, and nothing was done
	Read     int64            // bytes read from this repository
	New      int64            // bytes of blocks that the other did not have
	Stored   int64            // that those take there
	Warnings []string
}

// copyTries bounds how often a copy is begun anew because a collection took what it shares.
const copyTries = 3

// Copy copies a point: of what Points lists, say. All that its manifest says stays, but for the ID, the number in the
// machine's history and where blocks lie; the origin says what it is a copy of. Blocks that the other repository is known
// to have are not read. ErrCorrupt when some of its bytes are damaged, ErrOtherMachine when the machine's name is
// another's there, ErrLocked when a backup of the machine is at work there.
func (c *Copier) Copy(ctx context.Context, p *format.Manifest) (*Copied, error) {
	src, err := c.from.Point(ctx, p)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		out, err := c.copy(ctx, src)
		switch {
		case errors.Is(err, ErrCollected) && try < copyTries:
			continue
		case errors.Is(err, ErrCorrupt) && c.forgotten(ctx, src):
			return nil, fmt.Errorf("%s@%s was forgotten meanwhile: %w", src.MachineName, src.Name, ErrNoPoint)
		}
		return out, err
	}
}

func (c *Copier) forgotten(ctx context.Context, src *format.Manifest) bool {
	_, err := c.from.Point(ctx, src)
	return errors.Is(err, ErrNoPoint)
}

func (c *Copier) copy(ctx context.Context, src *format.Manifest) (*Copied, error) {
	if there, err := c.there(ctx, src); there != nil || err != nil {
		return &Copied{Point: there, There: true}, err
	}
	t := &transfer{Copier: c, src: src}
	if err := t.begin(ctx); err != nil {
		return nil, err
	}
	defer t.w.Abort(ctx)
	if there, err := c.there(ctx, src); there != nil || err != nil { // since we have the session it comes no more
		return &Copied{Point: there, There: true}, err
	}
	if err := t.disks(ctx); err != nil {
		return nil, err
	}
	var err error
	if t.out.Point, err = t.w.Commit(ctx); err != nil {
		return nil, fmt.Errorf("in the other repository: %w", err)
	}
	return &t.out, nil
}

// there gives the point in the other repository that is the same one. One that is known to be damaged does not count.
func (c *Copier) there(ctx context.Context, src *format.Manifest) (*format.Manifest, error) {
	points, err := c.to.Points(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range points {
		if c.to.originOf(p) != c.from.originOf(src) {
			continue
		}
		if hurt, err := c.damaged(ctx, p); !hurt || err != nil {
			return p, err
		}
	}
	return nil, nil
}

// damaged tells whether a point of the other repository is noted as damaged, or its manifest is.
func (c *Copier) damaged(ctx context.Context, p *format.Manifest) (bool, error) {
	facts, err := c.to.Notes(ctx)
	if err != nil || facts[p.Point].Damaged != "" {
		return true, err
	}
	_, err = c.to.Point(ctx, p)
	return errors.Is(err, ErrCorrupt), ignoreLoss(err)
}

// A transfer is one point on its way into another repository.
type transfer struct {
	*Copier
	src     *format.Manifest // whole
	near    *pair            // nil for none
	w       *Writer
	workers []*Worker
	out     Copied
}

// begin opens the session, in which the point gets what its manifest said.
func (t *transfer) begin(ctx context.Context) (err error) {
	if t.near, err = t.nearest(ctx, t.src); err != nil {
		return err
	}
	o := BeginOptions{Machine: t.src.MachineName, ID: t.src.Machine, Time: nameTime(t.src)}
	if t.near != nil {
		o.Base = t.near.to
	}
	if t.w, err = t.to.Begin(ctx, o); err != nil {
		return fmt.Errorf("in the other repository: %w", err)
	}
	t.w.Manifest = t.manifest()
	return nil
}

// manifest is the source's with what the session decided.
func (t *transfer) manifest() format.Manifest {
	m, was := *t.src, &t.w.Manifest
	m.Point, m.Name, m.Sequence, m.Predecessor = was.Point, was.Name, was.Sequence, was.Predecessor
	o := t.from.originOf(t.src)
	m.OriginRepo, m.OriginPoint = o.repo, o.point
	m.Disks = nil
	return m
}

// nameTime is the instant that the point is named after: a second one of the machine within a second has the next.
func nameTime(m *format.Manifest) time.Time {
	if at, err := time.Parse(TimeLayout, m.Name); err == nil {
		return at
	}
	return m.Time
}
