package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones are known wherever the program runs

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/retention"
)

// A forgetting is the command and its flags.
type forgetting struct {
	app      *cli.App
	policy   retention.Policy
	within   string
	timezone string
	recorded bool // by the policies that points record, too
	dryRun   bool
	collect  bool // with prune, afterwards
	prune    prune
	unused   func(total int64) int64
}

func forgetCommand(app *cli.App) *cobra.Command {
	f := &forgetting{app: app, prune: prune{app: app, line: "prune"}}
	cmd := &cobra.Command{
		Use:   "forget [MACHINE…|POINT…]",
		Short: "Drop points that rules do not keep, or points by name",
		Long: `With rules, judge the points of the machines named, or of all, each machine for itself: what no rule keeps is dropped.
A rule keeps the newest point of each of the last N hours, days, weeks, months, quarters or years that have one. Without rules,
the points named are dropped: MACHINE@2026-11-20T20-03-27Z or MACHINE@ID.

--by-policy judges each machine by what its newest good point records: what the machine's attribute asked for when it was backed
up (backup --by-attribute), or --tag policy=… said. 7D 4W 12M keeps a point of each of 7 days, of 4 weeks before these, and of 12
months before those. A machine that records none keeps all. Rules beside it hold for every machine, whatever its policy says:
--keep-within 30d is a floor.

Only good points count: a point that is partial, damaged, flagged as an anomaly or of the future takes no other's place, and
goes only when a newer good one is kept. Points before an anomaly that nobody has accepted are kept as if it had not come.
The newest good point of a machine and protected points stay. Space comes back with prune.`,
		Example: `vbackup forget -r /srv/backup --keep-daily 7 --keep-weekly 4 --keep-within 3d --dry-run
vbackup forget -r /srv/backup web01 --keep-last 10 --keep-tag reason=upgrade --prune
vbackup forget -r /srv/backup --by-policy --keep-within 14d --prune
vbackup forget -r /srv/backup web01@2026-11-20T20-03-27Z`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), args) },
	}
	f.flags(cmd)
	return cmd
}

func (f *forgetting) flags(cmd *cobra.Command) {
	p, set := &f.policy, cmd.Flags()
	for _, r := range []struct {
		name, what string
		n          *int
	}{
		{"last", "the last N points", &p.Last}, {"hourly", "a point of each of the last N hours that have one", &p.Hourly},
		{"daily", "a point of each of the last N days", &p.Daily}, {"weekly", "a point of each of the last N weeks", &p.Weekly},
		{"monthly", "a point of each of the last N months", &p.Monthly}, {"quarterly", "a point of each of the last N quarters", &p.Quarterly},
		{"yearly", "a point of each of the last N years", &p.Yearly},
	} {
		set.Var((*countFlag)(r.n), "keep-"+r.name, "keep "+r.what+", or unlimited")
	}
	set.StringVar(&f.within, "keep-within", "", "keep all points of so long before the newest good one: `DURATION` as 30d or 1y6m2w7d12h")
	set.StringArrayVar(&p.Tags, "keep-tag", nil, "keep all points with the tag `K=V`; may be repeated")
	set.BoolVar(&f.recorded, "by-policy", false, "keep of each machine what its newest good point's tag policy=… asks for")
	set.StringVar(&f.timezone, "timezone", "UTC", "the `ZONE` in which days begin, as Europe/Berlin")
	set.SetNormalizeFunc(timeZone("timezone"))
	set.BoolVar(&p.AllowEmpty, "allow-empty", false, "allow a machine's last good point to go")
	set.BoolVar(&f.dryRun, "dry-run", false, "tell what would be done, and do nothing")
	set.BoolVar(&f.collect, "prune", false, "free the space, too, as vbackup prune does")
	f.prune.flags(cmd)
	set.BoolVar(&p.RequireVerified, "require-verified", false, "let only points count that verify --read-data has read and found whole")
}

// countFlag is a number of points.
type countFlag int

// String writes the default.
func (c *countFlag) String() string {
	if *c == retention.All {
		return "unlimited"
	}
	return strconv.Itoa(int(*c))
}

// Type is for the help text.
func (c *countFlag) Type() string { return "N" }

// Set reads the flag.
func (c *countFlag) Set(s string) error {
	if s == "unlimited" || s == strconv.Itoa(retention.All) {
		*c = retention.All
		return nil
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return fmt.Errorf("%q is no number of points: say 7 or unlimited", s)
	}
	*c = countFlag(n)
	return nil
}

func (f *forgetting) run(ctx context.Context, args []string) error {
	if err := f.check(args); err != nil {
		return err
	}
	return f.app.WithRepository(ctx, 0, func(repo *index.Repository) error {
		points, err := f.load(ctx, repo)
		if err != nil {
			return err
		}
		switch {
		case f.recorded:
			err = points.judge(args, byPolicy{f.policy, points.now}.plan)
		case f.policy.Empty():
			err = points.name(args, f.policy.AllowEmpty)
		default:
			err = points.judge(args, byRules{f.policy, points.now}.plan)
		}
		if err != nil {
			return err
		}
		return errors.Join(f.carryOut(ctx, repo, points), f.tellUnread(ctx, points), tellDamaged(ctx, f.app, repo))
	})
}

// check reads the flags' values.
func (f *forgetting) check(args []string) (err error) {
	if f.within != "" {
		if f.policy.Within, err = retention.ParseDuration(f.within); err != nil {
			return cli.Usage("--keep-within: %v", err)
		}
	}
	for _, t := range f.policy.Tags {
		if k, _, ok := strings.Cut(t, "="); !ok || k == "" {
			return cli.Usage("--keep-tag %s is not K=V", t)
		}
	}
	if f.unused, err = parseUnused(f.prune.maxUnused); err != nil {
		return err
	}
	if f.policy.Location, err = time.LoadLocation(f.timezone); err != nil {
		return cli.Usage("--timezone: %v", err)
	}
	if f.policy.Empty() && len(args) == 0 && !f.recorded {
		return cli.Usage("say what to keep, with --keep-last, --keep-daily, --keep-within, --by-policy or others, or which points to forget")
	}
	return nil
}

// load gathers what is known of all points. Manifests are read anew: what the catalog has of a damaged one does not make it
// good.
func (f *forgetting) load(ctx context.Context, repo *index.Repository) (*judged, error) {
	points, err := repo.Points(ctx)
	if err != nil {
		return nil, err
	}
	notes, err := repo.Notes(ctx)
	if err != nil {
		return nil, err
	}
	verified, err := repo.VerifiedAt(ctx)
	if err != nil {
		return nil, err
	}
	j := &judged{now: time.Now()}
	for _, p := range points {
		_, err := repo.Point(ctx, p)
		switch {
		case errors.Is(err, index.ErrNoPoint): // forgotten meanwhile
			continue
		case err != nil && !errors.Is(err, index.ErrCorrupt):
			return nil, err
		}
		is := looked(p, notes[p.Point], err != nil)
		is.Verified = !verified[p.Point].IsZero()
		j.points = append(j.points, judgedPoint{Manifest: p, is: is})
	}
	return j, nil
}

// looked gives of a point what counts.
func looked(p *format.Manifest, f format.Facts, damaged bool) retention.Point {
	return retention.Point{
		Time: p.Time, Failed: !p.Complete(), Damaged: damaged || f.Damaged != "" || f.Doubtful,
		Flagged: p.Anomaly != "" && !f.Accepted, Protected: f.Protected, Tags: p.Tags,
	}
}

// carryOut tells what becomes of each point, and forgets those that go.
func (f *forgetting) carryOut(ctx context.Context, repo *index.Repository, j *judged) error {
	var gone []*format.Manifest
	for _, p := range j.points {
		if p.judged && !p.Keep {
			gone = append(gone, p.Manifest)
		}
	}
	if err := f.tell(j); err != nil {
		return err
	}
	if !f.dryRun {
		if err := repo.Forget(ctx, gone...); err != nil {
			return err
		}
	}
	var err error
	if f.collect && !f.dryRun {
		err = f.prune.collect(ctx, repo, f.unused)
	}
	return errors.Join(err, f.summary(j, len(gone)))
}

// A forgetLine is what becomes of a point in JSON.
type forgetLine struct {
	Type    string    `json:"type"`
	ID      string    `json:"id"`
	Machine string    `json:"machine"`
	Name    string    `json:"name"`
	Time    time.Time `json:"time"`
	Keep    bool      `json:"keep"`
	DryRun  bool      `json:"dry_run"`
	Reasons []string  `json:"reasons"`
	Policy  string    `json:"policy,omitempty"` // of the machine, with --by-policy
}

func (f *forgetting) tell(j *judged) error {
	for i, machine := range j.machines() {
		if p := machine[0]; p.policy != "" {
			f.app.Detail("%s: policy %s", p.MachineName, p.policy)
		}
		var err error
		if f.app.Flags.JSON {
			err = f.tellLines(machine)
		} else {
			err = f.tellTable(i, machine)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *forgetting) tellLines(points []judgedPoint) error {
	for _, p := range points {
		err := f.app.Line(forgetLine{
			"point", p.Point.String(), p.MachineName, p.Name, p.Time.UTC(), p.Keep, f.dryRun, p.Reasons, p.policy,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *forgetting) tellTable(i int, points []judgedPoint) error {
	if i > 0 {
		if err := f.app.Result(""); err != nil {
			return err
		}
	}
	t := f.app.Table("POINT", "VERDICT", "WHY")
	for _, p := range points {
		verdict := "forget"
		if p.Keep {
			verdict = "keep"
		}
		t.Row(p.MachineName+"@"+p.Name, verdict, strings.Join(p.Reasons, ", "))
	}
	return t.Print()
}

func (f *forgetting) summary(j *judged, gone int) error {
	machines := j.machines()
	kept := len(slices.Concat(machines...)) - gone
	if f.app.Flags.JSON {
		return f.app.Line(struct {
			Type      string `json:"type"`
			Kept      int    `json:"kept"`
			Forgotten int    `json:"forgotten"`
			Machines  int    `json:"machines"`
			DryRun    bool   `json:"dry_run"`
		}{"summary", kept, gone, len(machines), f.dryRun})
	}
	switch {
	case f.dryRun && f.policy.Empty() && !f.recorded:
		f.app.Say("would forget %d points", gone)
	case f.policy.Empty() && !f.recorded:
		f.app.Say("forgot %d points%s", gone, f.space())
	case f.dryRun:
		f.app.Say("would forget %d points of %d machines, and keep %d", gone, len(machines), kept)
	case gone == 0:
		f.app.Say("forgot nothing: all %d points are kept", kept)
	default:
		f.app.Say("forgot %d points of %d machines, and kept %d%s", gone, len(machines), kept, f.space())
	}
	return nil
}

// space tells how the space of what was forgotten comes back.
func (f *forgetting) space() string {
	if f.collect {
		return ""
	}
	return "; their space comes back with: vbackup prune"
}
