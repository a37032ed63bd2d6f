package main

import (
	"context"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/block"
	"vbfs/index/format"
)

// A difference is a run of bytes that differ, or the sum of a disk's.
type difference struct {
	Type   string `json:"type"`
	Disk   string `json:"disk"`
	Offset int64  `json:"offset_bytes"`
	Length int64  `json:"length_bytes"`
}

// A comparison is the command.
type comparison struct {
	app   *cli.App
	repo  *index.Repository
	bytes int64 // that differ
	disks int   // of which some differ
}

func diffCommand(app *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:   "diff POINT[:DISK] POINT[:DISK]",
		Short: "Tell what differs between two points, in blocks of 64 KiB",
		Long: `Tell which bytes of which disks differ between two points, in blocks of 64 KiB. Disks are compared by their names, unless
both points name one. Only maps are read, and no data.`,
		Example: `vbackup diff -r /srv/backup web01@2026-11-19 web01
vbackup diff -r /srv/backup web01@2026-11-19:vda web01:vda --json`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.WithRepository(cmd.Context(), 0, func(repo *index.Repository) error {
				c := &comparison{app: app, repo: repo}
				return c.run(cmd.Context(), index.ParseSelector(args[0]), index.ParseSelector(args[1]))
			})
		},
	}
}

func (c *comparison) run(ctx context.Context, a, b index.Selector) error {
	if (a.Disk == "") != (b.Disk == "") {
		return cli.Usage("name a disk of both points or of none")
	}
	x, err := cli.Point(ctx, c.repo, a)
	if err != nil {
		return err
	}
	y, err := cli.Point(ctx, c.repo, b)
	if err != nil {
		return err
	}
	if a.Disk != "" {
		err = c.pair(ctx, x, y, a.Disk, b.Disk)
	} else {
		err = c.points(ctx, x, y)
	}
	if err != nil {
		return err
	}
	return c.summary()
}

// points compares the disks of two points. One that only one of them has is told of.
func (c *comparison) points(ctx context.Context, x, y *format.Manifest) error {
	for i := range x.Disks {
		name := x.Disks[i].Name
		if _, ok := y.Disk(name); !ok {
			c.app.Warn("disk %s is in the first point alone", name)
			continue
		}
		if c.without(x, name) || c.without(y, name) {
			continue
		}
		if err := c.pair(ctx, x, y, name, name); err != nil {
			return err
		}
	}
	for i := range y.Disks {
		if _, ok := x.Disk(y.Disks[i].Name); !ok {
			c.app.Warn("disk %s is in the second point alone", y.Disks[i].Name)
		}
	}
	return nil
}

// without tells of a disk that a point does not have the bytes of.
func (c *comparison) without(p *format.Manifest, disk string) bool {
	d, _ := p.Disk(disk)
	if d.HasImage() {
		return false
	}
	c.app.Warn("disk %s of %s@%s is not compared: it is %s (%s)", disk, p.MachineName, p.Name, d.State, d.Reason)
	return true
}

// pair compares two disks, which may be of other sizes.
func (c *comparison) pair(ctx context.Context, x, y *format.Manifest, first, second string) error {
	a, err := c.repo.Image(x, first)
	if err != nil {
		return err
	}
	b, err := c.repo.Image(y, second)
	if err != nil {
		return err
	}
	before := c.bytes
	for r, err := range c.repo.Diff(ctx, a, b) {
		if err != nil {
			return err
		}
		off := r.First << block.Log2Size
		n := min(r.End()<<block.Log2Size, max(a.Size(), b.Size())) - off
		c.bytes += n
		if err := c.tell(difference{"extent", first, off, n}); err != nil {
			return err
		}
	}
	if c.bytes > before {
		c.disks++
	}
	return nil
}

func (c *comparison) tell(d difference) error {
	if c.app.Flags.JSON {
		return c.app.Line(d)
	}
	return c.app.Result("%s  at %d  %d bytes", d.Disk, d.Offset, d.Length)
}

func (c *comparison) summary() error {
	if c.app.Flags.JSON {
		return c.app.Line(struct {
			Type    string `json:"type"`
			Disks   int    `json:"disks"`
			Changed int64  `json:"changed_bytes"`
		}{"summary", c.disks, c.bytes})
	}
	return c.app.Result("%s of %d disks differ (%d bytes)", cli.Size(c.bytes), c.disks, c.bytes)
}
