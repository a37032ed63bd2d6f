package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
)

// A prune is the command and its flags.
type prune struct {
	app       *cli.App
	maxUnused string
	maxRepack cli.SizeFlag
	dryRun    bool
	line      string // type of the JSON line
}

func pruneCommand(app *cli.App) *cobra.Command {
	p := &prune{app: app, line: "summary"}
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Free the space of what no point needs any more",
		Long: `Free the space of what no point needs any more, after forget. What is needed is found by walking the maps of all points,
never by age. Backups, mounts, exports and restores may go on meanwhile. Packs of which nothing is needed are deleted; of
those that are partly needed, and of many small ones, what is needed is moved into bundles. When anything cannot be read,
nothing is deleted.`,
		Example: `vbackup prune -r /srv/backup
vbackup prune -r /srv/backup --dry-run --max-unused 0
vbackup prune -r /srv/backup --max-unused 20% --max-repack 50G`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.run(cmd) },
	}
	p.flags(cmd)
	cmd.Flags().BoolVar(&p.dryRun, "dry-run", false, "say what would be freed and do nothing")
	return cmd
}

func (p *prune) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&p.maxUnused, "max-unused", "5%", "leave so much unused in packs that are partly needed: a `SIZE`, a share as 5%, or unlimited")
	f.Var(&p.maxRepack, "max-repack", "move no more than so many bytes")
}

func (p *prune) run(cmd *cobra.Command) error {
	unused, err := parseUnused(p.maxUnused)
	if err != nil {
		return err
	}
	return p.app.WithRepository(cmd.Context(), 0, func(repo *index.Repository) error {
		return p.collect(cmd.Context(), repo, unused)
	})
}

// collect collects and reports.
func (p *prune) collect(ctx context.Context, repo *index.Repository, unused func(total int64) int64) error {
	var progress index.PruneProgress
	o := index.PruneOptions{MaxUnused: unused, MaxRepack: int64(p.maxRepack), DryRun: p.dryRun, Reserve: true, Progress: &progress}
	var res *index.Pruned
	work := cli.Work{Name: "prune", Total: progress.Total.Load, Done: progress.Moved.Load}
	err := p.app.During(work, func() (err error) {
		res, err = repo.Prune(ctx, o)
		return err
	})
	if errors.Is(err, index.ErrCorrupt) {
		return cli.Hint(err, "nothing was deleted; see what is hit with: vbackup verify, and mend or mark it with: vbackup repair")
	}
	if err != nil {
		return err
	}
	return p.report(res)
}

// parseUnused reads what may stay unused: a size, a share, or no limit.
func parseUnused(s string) (func(total int64) int64, error) {
	if s == "unlimited" {
		return func(total int64) int64 { return total }, nil
	}
	if share, ok := strings.CutSuffix(s, "%"); ok {
		n, err := strconv.ParseFloat(share, 64)
		if err != nil || n < 0 || n > 100 {
			return nil, cli.Usage("--max-unused %q is no share between 0%% and 100%%", s)
		}
		return func(total int64) int64 { return int64(float64(total) * n / 100) }, nil
	}
	var size cli.SizeFlag
	if err := size.Set(s); err != nil && s != "0" {
		return nil, cli.Usage("--max-unused %q is no size, no share and not unlimited", s)
	}
	return func(int64) int64 { return int64(size) }, nil
}

// A pruneLine is a collection in JSON.
type pruneLine struct {
	Type    string   `json:"type"`
	DryRun  bool     `json:"dry_run"`
	Points  int64    `json:"points"`
	Objects int      `json:"objects"`
	Dropped int      `json:"dropped"`
	Freed   int64    `json:"freed_bytes"`
	Moved   int64    `json:"moved_bytes"`
	Bundles int      `json:"bundles"`
	Unused  int64    `json:"unused_bytes"`
	Spared  int      `json:"spared"`
	Ended   int      `json:"ended_sessions"`
	More    bool     `json:"more"`
	Damaged []string `json:"damaged"`
}

// report tells what came of it. Damaged objects that were left alone make the exit code.
func (p *prune) report(res *index.Pruned) error {
	damaged := []string{}
	for _, err := range res.Damaged {
		damaged = append(damaged, err.Error())
		p.app.Warn("%v", err)
	}
	if res.Short != nil {
		p.app.Warn("there was no room to move more: run prune again (%v)", res.Short)
	}
	if err := p.tell(res, damaged); err != nil {
		return err
	}
	if len(damaged) > 0 {
		p.app.Say("find out what is hit with: vbackup verify --read-data")
		return cli.Told(cli.Damaged)
	}
	return nil
}

func (p *prune) tell(res *index.Pruned, damaged []string) error {
	if p.app.Flags.JSON {
		return p.app.Line(pruneLine{
			p.line, p.dryRun, res.Points, res.Objects, res.Dropped, res.Freed, res.Moved, res.Bundles, res.Unused,
			res.Spared, res.Broken, res.More || res.Short != nil, damaged,
		})
	}
	if res.Broken > 0 {
		p.app.Say("ended %d sessions of backups that had died", res.Broken)
	}
	if res.Spared > 0 {
		p.app.Say("%d packs of backups at work were left alone", res.Spared)
	}
	if res.More {
		p.app.Say("there is more to move: run prune again")
	}
	if p.dryRun {
		return p.app.Result("would free about %s: drop %d packs and bundles, move %s of them; %s would stay unused",
			cli.Size(res.Freed), res.Dropped, cli.Size(res.Moved), cli.Size(res.Unused))
	}
	return p.app.Result("%s", fmt.Sprintf("freed %s: dropped %d packs and bundles, moved %s of them into %d bundles; %s stay unused",
		cli.Size(res.Freed), res.Dropped, cli.Size(res.Moved), res.Bundles, cli.Size(res.Unused)))
}
