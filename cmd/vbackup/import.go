package main

import (
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
	"vbfs/ingest"
	"vbfs/ingest/virtnbd"
)

// An importing is the command and its flags, most of which are those of a backup.
type importing struct {
	backup
	zone string

	there, failed int
}

func importCommand(app *cli.App) *cobra.Command {
	i := &importing{backup: backup{app: app}}
	cmd := &cobra.Command{
		Use:   "import KIND PATH…",
		Short: "Take over other tools' backups as points",
		Long: `Take over other tools' backups as points, each with its time, level and configuration. KIND virtnbdbackup: each PATH is
a directory that virtnbdbackup wrote to (-o); every full, copy, incremental and differential backup in it becomes a point
of the machine that the set is of. What is read of the set is checked, and nothing in it is changed.

What is there already is left out, so the same command can be repeated: after an interruption, and to add what is new. A
stream that is damaged or missing fails its disk in its point and in those that build on it; the rest is imported, and
the exit code is 3.

An incremental or differential backup of virtnbdbackup 2.21 or later does not record what became zero: its point gets a
warning, for such areas may still hold what was there before. The points of full backups are whole.`,
		Example: `vbackup import -r /srv/backup virtnbdbackup /backup/web01
vbackup import -r /srv/backup virtnbdbackup /backup/web01/2026-* --machine web01 --tag reason=switch
vbackup import -r /srv/backup virtnbdbackup /backup/web01 --dry-run`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return i.run(cmd.Context(), args[0], args[1:]) },
	}
	f := cmd.Flags()
	f.StringVar(&i.machine, "machine", "", "import into the machine of this `NAME` (default the domain's)")
	f.StringArrayVar(&i.tags, "tag", nil, "keep `K=V` with the points; may be given several times")
	f.StringVar(&i.zone, "time-zone", "", "of the host that made the set, as `Europe/Berlin`, where the set does not tell (default this machine's)")
	f.Var(&i.rate, "limit-rate", "read no more than so many bytes a second from the set")
	f.IntVar(&i.workers, "workers", 0, "how many to compress with at once (default one for each core)")
	f.BoolVar(&i.dryRun, "dry-run", false, "say what would be done and do nothing")
	f.BoolVar(&i.waitLock, "wait-lock", false, "wait for another backup of the machine to end")
	f.BoolVar(&i.failOdd, "fail-on-anomaly", false, "exit with 3 when a point is out of its machine's ordinary; it is kept")
	return cmd
}

func (i *importing) run(ctx context.Context, kind string, paths []string) error {
	i.level = ingest.Auto
	if err := i.checkFlags(); err != nil {
		return err
	}
	switch {
	case kind == "ghettovcb":
		return cli.Later("import ghettovcb")
	case kind != "virtnbdbackup":
		return cli.Usage("%q is no kind of backup that can be imported: virtnbdbackup is", kind)
	case len(paths) == 0:
		return cli.Usage("no set was named: name the directories that virtnbdbackup wrote to")
	}
	sets, err := i.open(paths)
	defer closeSets(sets)
	if err != nil {
		return err
	}
	return i.app.WithRepository(ctx, 0, func(repo *index.Repository) error { return i.all(ctx, repo, sets) })
}

// open opens the sets, those of one machine in the order of their times.
func (i *importing) open(paths []string) (sets []*virtnbd.Set, err error) {
	zone := time.Local
	if i.zone != "" {
		if zone, err = time.LoadLocation(i.zone); err != nil {
			return nil, cli.Usage("--time-zone %q: %v", i.zone, err)
		}
	}
	for _, path := range paths {
		s, err := virtnbd.Open(path, virtnbd.Options{Zone: zone})
		if errors.Is(err, virtnbd.ErrNoSet) {
			return sets, cli.Hint(err, "name the directory itself in which the .data files lie")
		}
		if err != nil {
			return sets, err
		}
		sets = append(sets, s)
		if err := checkMachine(i.of(s), "the set "+path); err != nil {
			return sets, err
		}
		if i.machine != "" && s.Domain != sets[0].Domain {
			return sets, cli.Usage("--machine %s: the sets are of two machines, %s and %s: import them one by one", i.machine, sets[0].Domain, s.Domain)
		}
	}
	slices.SortStableFunc(sets, func(a, b *virtnbd.Set) int { return a.Points[0].Time.Compare(b.Points[0].Time) })
	return sets, nil
}

func closeSets(sets []*virtnbd.Set) {
	for _, s := range sets {
		s.Close() // what was only read
	}
}

// of gives the name of the machine that a set is imported into.
func (i *importing) of(s *virtnbd.Set) string {
	if i.machine != "" {
		return i.machine
	}
	return s.Domain
}

// all imports one point after the other. One that fails does not keep the others from it; when the repository is what
// fails, the set's other points would fail, too.
func (i *importing) all(ctx context.Context, repo *index.Repository, sets []*virtnbd.Set) error {
	start := time.Now()
	for _, s := range sets {
		for _, note := range s.Notes {
			i.app.Say("%s: %s", s.Dir, note)
		}
		for _, p := range s.Points {
			err := i.point(ctx, repo, i.of(s), p)
			if ctx.Err() != nil {
				return err
			}
			if err == nil {
				continue
			}
			i.failed++
			name := fmt.Sprintf("%s@%s", i.of(s), p.Time.Format(index.TimeLayout))
			i.total.Failed = append(i.total.Failed, name)
			i.codes = append(i.codes, i.app.Tell(ctx, wayOut(fmt.Errorf("%s (%s): %w", name, strings.Join(p.Files(), ", "), err))))
			if !bad(err) {
				break
			}
		}
	}
	if err := i.sum(time.Since(start)); err != nil {
		return err
	}
	switch {
	case i.codes == nil:
		return nil
	case len(i.total.Points)+i.there > 0:
		return cli.Told(cli.Partly)
	case slices.Min(i.codes) == slices.Max(i.codes):
		return cli.Told(i.codes[0])
	}
	return cli.Told(cli.Failed)
}

// wayOut says what to do about an error of the set.
func wayOut(err error) error {
	switch {
	case errors.Is(err, virtnbd.ErrUnsure), errors.Is(err, virtnbd.ErrTooLarge):
		return cli.Hint(err, "restore it with virtnbdrestore, and take what comes out with: vbackup backup DISK=FILE")
	case errors.Is(err, virtnbd.ErrDamaged), errors.Is(err, virtnbd.ErrMissing):
		return cli.Hint(err, "put another copy of the file in its place, and import again: what is there is left out")
	}
	return err
}

// bad tells errors of the set from those of the repository.
func bad(err error) bool {
	return errors.Is(err, ingest.ErrSource) || errors.Is(err, virtnbd.ErrDamaged) || errors.Is(err, virtnbd.ErrMissing) ||
		errors.Is(err, virtnbd.ErrUnsure) || errors.Is(err, virtnbd.ErrTooLarge)
}

// point imports one, unless it is there. One that lacks disks is imported again when they can be read now.
func (i *importing) point(ctx context.Context, repo *index.Repository, machine string, p *virtnbd.Point) error {
	points, err := repo.Points(ctx)
	if err != nil {
		return err
	}
	points = slices.DeleteFunc(points, func(m *format.Manifest) bool { return m.MachineName != machine })
	if m := p.In(points); m != nil {
		if m.Complete() {
			return i.skip(m)
		}
		if err := p.Still(ctx, m); err != nil {
			return errors.Join(err, i.skip(m))
		}
	}
	if i.dryRun {
		return i.tell(ctx, machine, p)
	}
	return i.capture(ctx, repo, machine, p)
}
