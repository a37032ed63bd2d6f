package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/report"
)

// A copying is the command and its flags.
type copying struct {
	app   *cli.App
	other cli.Other
	all   bool

	total   copyTotals
	codes   []int
	refused map[format.UUID]bool // machines that the other repository does not take
}

func copyCommand(app *cli.App) *cobra.Command {
	c := &copying{app: app, refused: map[format.UUID]bool{}}
	c.other.Secret.Variable, c.other.Flag = "VBACKUP_TO_PASSWORD", "to-password-file"
	cmd := &cobra.Command{
		Use:   "copy POINT… --to DIR",
		Short: "Copy points to another repository",
		Long: `Copy points to another repository, which may have another password, another compression or no encryption. Only what it
lacks is stored there, and of a machine of which it has a point already only what differs is read. What is there already
is left out, so the same command can be repeated, also after an interruption. A POINT is named as for show; --all takes all
complete points of the machines named, or of all machines. A copy keeps its machine's identity, its name and time.

The password of the other repository comes from VBACKUP_TO_PASSWORD_FILE, VBACKUP_TO_PASSWORD_COMMAND, VBACKUP_TO_PASSWORD
or --to-password-file, an identity from VBACKUP_TO_IDENTITY_FILE; else the password is asked for.`,
		Example: `vbackup copy -r /srv/backup --to /mnt/usb/backup --all
vbackup copy -r /srv/backup --to /mnt/usb/backup web01 db01@2026-11-19
vbackup copy -r /srv/backup --to /mnt/usb/backup --all web01 db01`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args) },
	}
	f := cmd.Flags()
	f.StringVar(&c.other.Place, "to", "", "the other repository: a `DIR`, made with vbackup init")
	f.StringVar(&c.other.Secret.File, "to-password-file", "", "read the other repository's password from `FILE`")
	f.BoolVar(&c.all, "all", false, "copy all complete points of the machines named, or of all")
	cmd.MarkFlagDirname("to")
	cmd.MarkFlagFilename("to-password-file")
	return cmd
}

func (c *copying) run(ctx context.Context, args []string) error {
	switch {
	case c.other.Place == "":
		return cli.Usage("no repository to copy to was named: name it with --to DIR")
	case len(args) == 0 && !c.all:
		return cli.Usage("no point was named: name some, or take --all")
	}
	return c.app.WithRepository(ctx, 0, func(from *index.Repository) error {
		points, err := c.choose(ctx, from, args)
		if err != nil {
			return err
		}
		return c.app.WithOther(ctx, c.other, func(to *index.Repository) error { return c.copyAll(ctx, from, to, points) })
	})
}

// choose finds the points, each once, in order of machine and time.
func (c *copying) choose(ctx context.Context, repo *index.Repository, args []string) (points []*format.Manifest, err error) {
	if c.all {
		points, err = allOf(ctx, repo, args)
	} else {
		points, err = selected(ctx, repo, args)
	}
	slices.SortFunc(points, func(a, b *format.Manifest) int {
		return cmp.Or(strings.Compare(a.MachineName, b.MachineName), a.Time.Compare(b.Time), strings.Compare(a.Name, b.Name))
	})
	return slices.CompactFunc(points, func(a, b *format.Manifest) bool { return a.Point == b.Point }), err
}

// allOf gives all complete points of machines, of all when none is named.
func allOf(ctx context.Context, repo *index.Repository, machines []string) (out []*format.Manifest, err error) {
	points, err := repo.Points(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, p := range points {
		known[p.MachineName] = true
		if p.Complete() && (len(machines) == 0 || slices.Contains(machines, p.MachineName)) {
			out = append(out, p)
		}
	}
	for _, m := range machines {
		if !known[m] {
			return nil, fmt.Errorf("machine %s: %w", m, index.ErrNoPoint)
		}
	}
	return out, nil
}

// copyAll copies one point after the other. One that fails does not keep the others from it.
func (c *copying) copyAll(ctx context.Context, from, to *index.Repository, points []*format.Manifest) error {
	start := time.Now()
	var progress index.Progress
	copier := index.NewCopier(from, to, &progress)
	err := c.app.During(onPacks("copy", &progress), func() error {
		for _, p := range points {
			if err := c.one(ctx, copier, p); err != nil {
				return err
			}
		}
		return nil
	})
	if err = errors.Join(err, c.summary(time.Since(start))); err != nil {
		return err
	}
	switch {
	case c.codes == nil:
		return nil
	case c.total.Copied > 0:
		return cli.Told(cli.Partly)
	case slices.Min(c.codes) == slices.Max(c.codes):
		return cli.Told(c.codes[0])
	}
	return cli.Told(cli.Failed)
}

// one copies a point. What is wrong with it, or with its machine, is told of; any other error would hit the next, too.
func (c *copying) one(ctx context.Context, copier *index.Copier, p *format.Manifest) error {
	if c.refused[p.Machine] {
		c.total.Failed++
		return nil
	}
	start := time.Now()
	got, err := copier.Copy(ctx, p)
	if err == nil {
		return c.report(p, got, time.Since(start))
	}
	if ctx.Err() != nil {
		return err
	}
	if c.all && errors.Is(err, index.ErrNoPoint) {
		c.app.Say("%s@%s was forgotten meanwhile", p.MachineName, p.Name)
		return nil
	}
	ofMachine := errors.Is(err, index.ErrLocked) || errors.Is(err, index.ErrOtherMachine)
	if !ofMachine && !errors.Is(err, index.ErrCorrupt) && !errors.Is(err, index.ErrNoPoint) && !errors.Is(err, index.ErrUnknownBytes) {
		return err
	}
	if errors.Is(err, index.ErrLocked) {
		err = cli.Hint(err, "try again when it has ended: what is copied already is left out")
	}
	c.refused[p.Machine] = ofMachine
	c.total.Failed++
	c.codes = append(c.codes, c.app.Tell(ctx, fmt.Errorf("copy %s@%s: %w", p.MachineName, p.Name, err)))
	return nil
}

// copyTotals is what a run of copy came to.
type copyTotals struct {
	Type    string  `json:"type"`
	Copied  int     `json:"points_copied"`
	There   int     `json:"points_skipped"` // that were there already
	Failed  int     `json:"points_failed"`
	Read    int64   `json:"read_bytes"`
	New     int64   `json:"new_bytes"`
	Stored  int64   `json:"stored_bytes"`
	Seconds float64 `json:"seconds"`
}

// A copyLine is a copied point in JSON.
type copyLine struct {
	pointLine
	Origin originLine `json:"origin"`
	Read   int64      `json:"copy_read_bytes"`
	New    int64      `json:"copy_new_bytes"`
	Stored int64      `json:"copy_stored_bytes"`
}

type originLine struct {
	Repository string `json:"repository"`
	Point      string `json:"id"`
}

// A skipLine is a point that is in the other repository already, in JSON.
type skipLine struct {
	Type    string `json:"type"`
	ID      string `json:"id"`
	Machine string `json:"machine"`
	Name    string `json:"name"`
	There   string `json:"there"` // its ID in the other repository
}

func (c *copying) report(p *format.Manifest, got *index.Copied, took time.Duration) error {
	point := got.Point
	if got.There {
		c.total.There++
		if c.app.Flags.JSON {
			return c.app.Line(skipLine{"skipped", p.Point.String(), p.MachineName, p.Name, point.Point.String()})
		}
		c.app.Say("%s@%s is there already", p.MachineName, p.Name)
		return nil
	}
	c.total.Copied++
	c.total.Read, c.total.New, c.total.Stored = c.total.Read+got.Read, c.total.New+got.New, c.total.Stored+got.Stored
	for _, w := range got.Warnings {
		c.app.Warn("%s@%s: %s", p.MachineName, p.Name, w)
	}
	if c.app.Flags.JSON {
		origin := originLine{point.OriginRepo.String(), point.OriginPoint.String()}
		return c.app.Line(copyLine{pointLine{"point", report.Of(point)}, origin, got.Read, got.New, got.Stored})
	}
	if c.app.Flags.Quiet {
		return nil
	}
	return c.app.Result("%s@%s  copied, read %s, new %s, stored %s, in %s", point.MachineName, point.Name, cli.Size(got.Read),
		cli.Size(got.New), cli.Size(got.Stored), cli.Took(took))
}

// summary ends the run.
func (c *copying) summary(took time.Duration) error {
	t := c.total
	if c.app.Flags.JSON {
		t.Type, t.Seconds = "summary", took.Seconds()
		return c.app.Line(t)
	}
	if c.app.Flags.Quiet {
		return nil
	}
	return c.app.Result("copied %d points to %s, %d were there, %d failed, in %s", t.Copied, c.other.Place, t.There, t.Failed, cli.Took(took))
}
