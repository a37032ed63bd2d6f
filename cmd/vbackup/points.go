package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/report"
)

// A pointLine is a point in JSON.
type pointLine struct {
	Type string `json:"type"`
	report.Point
}

// A countLine ends a list in JSON.
type countLine struct {
	Type  string `json:"type"`
	Count int    `json:"points"`
}

func pointsCommand(app *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:   "points [MACHINE]",
		Short: "List points",
		Long:  "List the points of all machines or of one, the oldest first. Times are in UTC.",
		Example: `vbackup points -r /srv/backup
vbackup points -r /srv/backup web01 --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.WithRepository(cmd.Context(), 0, func(repo *index.Repository) error {
				return listPoints(cmd.Context(), app, repo, args)
			})
		},
	}
}

func listPoints(ctx context.Context, app *cli.App, repo *index.Repository, machine []string) error {
	points, err := repo.Points(ctx)
	if err != nil {
		return err
	}
	if len(machine) > 0 {
		points = slices.DeleteFunc(points, func(p *format.Manifest) bool { return p.MachineName != machine[0] })
		if len(points) == 0 {
			return fmt.Errorf("machine %s: %w", machine[0], index.ErrNoPoint)
		}
	}
	notes, err := repo.Notes(ctx)
	if err != nil {
		return err
	}
	if app.Flags.JSON {
		err = listJSON(ctx, app, repo, points, notes)
	} else {
		err = listTable(app, points, notes)
	}
	return errors.Join(err, tellDamaged(ctx, app, repo))
}

// tellDamaged names the points that no list has because their manifests are damaged.
func tellDamaged(ctx context.Context, app *cli.App, repo *index.Repository) error {
	damaged, err := repo.Damaged(ctx)
	if err != nil || damaged == nil {
		return err
	}
	for _, err := range damaged {
		app.Tell(ctx, fmt.Errorf("a point is not listed: %w", err))
	}
	return cli.Told(cli.Damaged)
}

func listTable(app *cli.App, points []*format.Manifest, notes map[format.UUID]format.Facts) error {
	t := app.Table("POINT", "ID", "LEVEL", "CONSISTENCY", "DISKS", "SIZE", "CHANGED", "NEW", "STORED", "NOTES")
	for _, p := range points {
		t.Row(append(pointRow(p), strings.Join(noted(p, notes[p.Point]), ", "))...)
	}
	return t.Print()
}

// noted is what notes, and a flag of the capture, make of a point.
func noted(p *format.Manifest, f format.Facts) (words []string) {
	if f.Damaged != "" {
		words = append(words, "damaged")
	}
	if p.Anomaly != "" && !f.Accepted {
		words = append(words, "anomaly")
	}
	switch {
	case f.Doubtful:
		words = append(words, "damaged note")
	case f.Protected:
		words = append(words, "protected")
	}
	return words
}

func listJSON(ctx context.Context, app *cli.App, repo *index.Repository, points []*format.Manifest,
	notes map[format.UUID]format.Facts) error {
	verified, err := repo.VerifiedAt(ctx)
	if err != nil {
		return err
	}
	for _, p := range points {
		if err := app.Line(pointLine{"point", report.Of(p).With(notes[p.Point], verified[p.Point])}); err != nil {
			return err
		}
	}
	return app.Line(countLine{"summary", len(points)})
}

func pointRow(p *format.Manifest) []string {
	var size int64
	var sum totals
	disks := fmt.Sprint(len(p.Disks))
	if n := images(p); n < len(p.Disks) {
		disks = fmt.Sprintf("%d of %d", n, len(p.Disks))
	}
	for i := range p.Disks {
		size += p.Disks[i].Size
		sum.add(&p.Disks[i])
	}
	consistency := p.Consistency
	if !p.Complete() {
		consistency = "partial"
	}
	return []string{
		p.MachineName + "@" + p.Name, p.Point.String()[:8], p.Done, consistency, disks,
		cli.Size(size), cli.Size(sum.Changed), cli.Size(sum.New), cli.Size(sum.Stored),
	}
}

// images counts the disks that the point has the bytes of.
func images(p *format.Manifest) (n int) {
	for i := range p.Disks {
		if p.Disks[i].HasImage() {
			n++
		}
	}
	return n
}
