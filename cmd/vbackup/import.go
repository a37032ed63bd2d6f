package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/ingest"
	"vbfs/ingest/virtnbd"
)

// An importing is the command and its flags, most of which are those of a backup.
type importing struct {
	backup
	zone string

	there, planned, failed int
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
