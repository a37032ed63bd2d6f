package main

import (
	"context"
	"fmt"
	"time"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/ingest"
	"vbfs/ingest/file"
	"vbfs/ingest/nbd"
)

// compare reads disks of one point and the sources that they were captured from.
func (v *verification) compare(ctx context.Context, args []string) error {
	sources, err := v.parse(args)
	if err != nil {
		return err
	}
	s := index.ParseSelector(args[0])
	return v.app.WithRepository(ctx, 0, func(repo *index.Repository) error {
		p, err := cli.Point(ctx, repo, s)
		if err != nil {
			return err
		}
		if err := nameDisk(p, s, sources); err != nil {
			return err
		}
		c := sourceComparison{v: v, repo: repo, point: p, start: time.Now()}
		for _, s := range sources {
			if err := c.disk(ctx, s); err != nil {
				return fmt.Errorf("compare %s@%s:%s with %s: %w", p.MachineName, p.Name, s.disk, s, err)
			}
		}
		return c.end()
	})
}

// parse reads the arguments of a comparison.
func (v *verification) parse(args []string) ([]source, error) {
	if len(args) != 1 || v.readData != "" {
		return nil, cli.Usage("--source compares one POINT, and reads what it compares: it goes without --read-data")
	}
	var sources []source
	for _, arg := range v.sources {
		s, err := parseSource(arg)
		if err != nil {
			return nil, err
		}
		for _, other := range sources {
			if s.disk == other.disk {
				return nil, cli.Usage("two sources are of one disk: name the others with --source DISK=SOURCE")
			}
		}
		sources = append(sources, s)
	}
	return sources, nil
}

// nameDisk gives a source without a disk's name the only disk that there is, and refuses names of disks that there are not.
func nameDisk(p *format.Manifest, s index.Selector, sources []source) (err error) {
	for i := range sources {
		d := &sources[i]
		if d.disk == "" {
			if d.disk, err = onlyDisk(p, s); err != nil {
				return cli.Usage("%w; or say which the source is of, with --source DISK=%s", err, d)
			}
		}
		if _, ok := p.Disk(d.disk); !ok {
			return fmt.Errorf("%s@%s has no disk %s: %w", p.MachineName, p.Name, d.disk, index.ErrNoPoint)
		}
	}
	return nil
}

// A sourceComparison is one point beside its sources.
type sourceComparison struct {
	v         *verification
	repo      *index.Repository
	point     *format.Manifest
	start     time.Time
	disks     []string // that differ
	compared  int64    // bytes
	ranges    int64
	different int64 // bytes
}

// A differenceLine is a range that differs, in JSON.
type differenceLine struct {
	Type   string `json:"type"`
	Disk   string `json:"disk"`
	Offset int64  `json:"offset_bytes"`
	Length int64  `json:"length_bytes"`
}

func (c *sourceComparison) disk(ctx context.Context, s source) error {
	img, err := c.repo.Image(c.point, s.disk)
	if err != nil {
		return err
	}
	src, err := c.v.open(ctx, s)
	if err != nil {
		return err
	}
	defer src.Close()
	app, before := c.v.app, c.ranges
	if src.Size() != img.Size() {
		app.Warn("%s has %d bytes, disk %s of the point %d", s, src.Size(), s.disk, img.Size())
	}
	differs := func(off, n int64) error {
		c.ranges, c.different = c.ranges+1, c.different+n
		if app.Flags.JSON {
			return app.Line(differenceLine{"difference", s.disk, off, n})
		}
		return app.Result("%s differs from the source: %d bytes at %d", s.disk, n, off)
	}
	var p ingest.Progress
	err = app.During(cli.Work{Name: s.disk, Total: p.Total.Load, Done: p.Done.Load}, func() error {
		return ingest.Compare(ctx, src, img, &p, differs)
	})
	c.compared += p.Done.Load()
	if c.ranges > before {
		c.disks = append(c.disks, s.disk)
	}
	return err
}

// open opens a source to read all of it.
func (v *verification) open(ctx context.Context, s source) (ingest.Source, error) {
	if s.uri != "" {
		return nbd.Open(ctx, s.uri, nbd.Options{})
	}
	return file.Open(ctx, s.path, file.Options{Format: v.format})
}

func (c *sourceComparison) end() error {
	app := c.v.app
	name := c.point.MachineName + "@" + c.point.Name
	if app.Flags.JSON {
		err := app.Line(struct {
			Type      string   `json:"type"`
			Point     string   `json:"point"`
			Compared  int64    `json:"compared_bytes"`
			Different int64    `json:"different_bytes"`
			Ranges    int64    `json:"different_ranges"`
			Disks     []string `json:"different_disks"`
			Seconds   float64  `json:"seconds"`
		}{"summary", c.point.Point.String(), c.compared, c.different, c.ranges, append([]string{}, c.disks...), time.Since(c.start).Seconds()})
		if err != nil {
			return err
		}
	}
	switch {
	case c.ranges == 0:
		app.Say("%s is what the source holds: %s compared in %s", name, cli.Size(c.compared), cli.Took(time.Since(c.start)))
		return nil
	case app.Flags.JSON:
		return cli.Told(cli.Failed)
	}
	return cli.Hint(fmt.Errorf("%s differs from the source: %s in %d ranges", name, cli.Size(c.different), c.ranges),
		"the disk of a running machine changes all the time: compare with one that stands still")
}
