package index

import (
	"context"
	"errors"
	"time"

	"vbfs/index/format"
)

// An origin is what a point is wherever it was copied to: the repository and the point that it was captured as.
type origin struct{ repo, point format.UUID }

func (r *Repository) originOf(m *format.Manifest) origin {
	if m.OriginPoint.IsZero() {
		return origin{r.ID(), m.Point}
	}
	return origin{m.OriginRepo, m.OriginPoint}
}

// A pair is one point as two repositories have it. Both manifests are whole.
type pair struct{ from, to *format.Manifest }

// nearest gives the complete point of the machine that both repositories have and that is the nearest in time: what it
// shares with src the other repository need not be told again.
func (c *Copier) nearest(ctx context.Context, src *format.Manifest) (*pair, error) {
	theirs, err := c.to.Points(ctx)
	if err != nil {
		return nil, err
	}
	facts, err := c.to.Notes(ctx)
	if err != nil {
		return nil, err
	}
	copies := map[origin]*format.Manifest{}
	for _, p := range theirs {
		if p.Machine == src.Machine && p.Complete() && facts[p.Point].Damaged == "" {
			copies[c.to.originOf(p)] = p
		}
	}
	ours, err := c.from.Points(ctx)
	if err != nil {
		return nil, err
	}
	var best *pair
	var least time.Duration
	for _, p := range ours {
		if p.Machine != src.Machine || copies[c.from.originOf(p)] == nil {
			continue
		}
		if away := p.Time.Sub(src.Time).Abs(); best == nil || away < least {
			best, least = &pair{p, copies[c.from.originOf(p)]}, away
		}
	}
	return c.open(ctx, best)
}

// open reads the whole manifests of a pair. One that is damaged or was forgotten is no loss: everything is read then.
func (c *Copier) open(ctx context.Context, p *pair) (*pair, error) {
	if p == nil {
		return nil, nil
	}
	from, err := c.from.Point(ctx, p.from)
	if err != nil {
		return nil, ignoreLoss(err)
	}
	to, err := c.to.Point(ctx, p.to)
	if err != nil {
		return nil, ignoreLoss(err)
	}
	return &pair{from, to}, nil
}

func ignoreLoss(err error) error {
	if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNoPoint) {
		return nil
	}
	return err
}

// A diskPair is one disk of a pair.
type diskPair struct{ from, to *Image }

// disk gives the disk of that ID, nil when it cannot be built upon.
func (c *Copier) disk(p *pair, id string) *diskPair {
	if p == nil {
		return nil
	}
	from, to := imageOf(c.from, p.from, id), imageOf(c.to, p.to, id)
	if from == nil || to == nil || from.Size() != to.Size() {
		return nil
	}
	return &diskPair{from, to}
}

func imageOf(r *Repository, m *format.Manifest, id string) *Image {
	for i := range m.Disks {
		if m.Disks[i].ID != id {
			continue
		}
		if im, err := r.Image(m, m.Disks[i].Name); err == nil {
			return im
		}
	}
	return nil
}
