package main

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/sync/singleflight"

	"vbfs/index"
	"vbfs/index/format"
	"vbfs/nbdsrv"
)

// A catalog serves every disk of every point by the names that selectors have.
type catalog struct {
	repo *index.Repository

	listing singleflight.Group
}

// list gives the points. Who asks while another lists shares that listing: at the start, the announcement and the first
// client do.
func (c *catalog) list(ctx context.Context) ([]*format.Manifest, error) {
	points, err, _ := c.listing.Do("", func() (any, error) { return c.repo.Points(context.WithoutCancel(ctx)) })
	if err != nil {
		return nil, err
	}
	return points.([]*format.Manifest), nil
}

var (
	_ nbdsrv.Catalog = (*catalog)(nil)
	_ nbdsrv.Export  = (*index.Image)(nil)
)

// Open opens what a selector selects. The empty name is the only disk of the only point.
func (c *catalog) Open(ctx context.Context, name string) (nbdsrv.Export, error) {
	points, err := c.list(ctx)
	if err != nil {
		return nil, err
	}
	p, disk, err := choose(points, name)
	if err != nil {
		return nil, err
	}
	if p, err = c.repo.Point(ctx, p); err != nil {
		return nil, unknown(err)
	}
	img, err := c.repo.Image(p, disk)
	if err != nil {
		return nil, unknown(err)
	}
	return img, nil
}

// choose gives the point and the disk that a name means.
func choose(points []*format.Manifest, name string) (p *format.Manifest, disk string, err error) {
	if name == "" {
		if len(points) != 1 {
			return nil, "", fmt.Errorf("no name, and %d points: %w", len(points), nbdsrv.ErrUnknownExport)
		}
		p = points[0]
	} else {
		s := index.ParseSelector(name)
		if p, err = s.Find(points); err != nil {
			return nil, "", unknown(err)
		}
		disk = s.Disk
	}
	if disk != "" {
		return p, disk, nil
	}
	d, ok := p.Only()
	if !ok {
		return nil, "", fmt.Errorf("no disk named of %d: %w", len(p.Disks), nbdsrv.ErrUnknownExport)
	}
	return p, d.Name, nil
}

// unknown translates what is not there.
func unknown(err error) error {
	if errors.Is(err, index.ErrNoPoint) {
		return fmt.Errorf("%w: %w", nbdsrv.ErrUnknownExport, err)
	}
	return err
}

// Names yields each machine's newest disks first, then all of them.
func (c *catalog) Names(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		points, err := c.list(ctx)
		if err != nil {
			yield("", err)
			return
		}
		for _, p := range newest(points) {
			if !yieldDisks(p, "latest", yield) {
				return
			}
		}
		for _, p := range points {
			if !yieldDisks(p, p.Name, yield) {
				return
			}
		}
	}
}

func yieldDisks(p *format.Manifest, at string, yield func(string, error) bool) bool {
	for i := range p.Disks {
		d := &p.Disks[i]
		s := index.Selector{Machine: p.MachineName, At: at, Disk: d.Name}
		if d.HasImage() && !yield(s.String(), nil) {
			return false
		}
	}
	return true
}

// newest gives the newest complete point of each machine. Points are in order of machine and time.
func newest(points []*format.Manifest) (out []*format.Manifest) {
	for _, p := range points {
		switch last := len(out) - 1; {
		case !p.Complete():
		case last >= 0 && out[last].MachineName == p.MachineName:
			out[last] = p
		default:
			out = append(out, p)
		}
	}
	return out
}
