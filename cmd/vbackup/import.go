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
)

// An importing is the command and its flags, most of which are those of a backup.
type importing struct {
	backup
	zone, scratch string
	incomplete    bool
	clock         *time.Location // that zone is the name of, or its kind's own

	total                  totals
	codes                  []int // of what was told to have failed
	there, planned, failed int
	leftOut                []string
}

func importCommand(app *cli.App) *cobra.Command {
	i := &importing{backup: backup{app: app}}
	cmd := &cobra.Command{
		Use:   "import KIND PATH…",
		Short: "Take over other tools' backups as points",
		Long: `Take over other tools' backups as points, each with its time, level and configuration. What is read is checked, and
nothing of it is changed.

KIND virtnbdbackup: each PATH is a directory that virtnbdbackup wrote to (-o); every full, copy, incremental and
differential backup in it becomes a point of the machine that the set is of.

KIND ghettovcb: each PATH is a directory that ghettoVCB wrote to (VM_BACKUP_VOLUME), or one below it; every folder in it,
dated or rotated by index, packed (.gz) or not, becomes a point of its machine. One without STATUS.ok is left out, and
said, unless --include-incomplete is given: it is marked then. Archives, into which ghettoVCB writes no status, are taken,
with a warning; they are unpacked below --scratch, one at a time.

What is there already is left out, so the same command can be repeated: after an interruption, and to add what is new.
What is damaged, missing or refused fails its disk in its point, and in those that build on it; the rest is imported, and
the exit code is 3.

An incremental or differential backup of virtnbdbackup 2.21 or later does not record what became zero: its point gets a
warning, for such areas may still hold what was there before. The points of full backups are whole.`,
		Example: `vbackup import -r /srv/backup virtnbdbackup /backup/web01
vbackup import -r /srv/backup virtnbdbackup /backup/web01/2026-* --machine web01 --tag reason=switch
vbackup import -r /srv/backup virtnbdbackup /backup/web01 --dry-run
vbackup import -r /srv/backup ghettovcb /vmfs/volumes/nas/backups --scratch /srv/tmp`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return i.run(cmd.Context(), args[0], args[1:]) },
	}
	f := cmd.Flags()
	f.StringVar(&i.machine, "machine", "", "import into the machine of this `NAME` (default the one that the backup tells)")
	f.StringArrayVar(&i.tags, "tag", nil, "keep `K=V` with the points; may be given several times")
	f.StringVar(&i.zone, "time-zone", "", "of the host that made the backups, as `Europe/Berlin`, where they do not tell (default this machine's; of ghettovcb UTC, as on ESXi)")
	f.Var(&i.rate, "limit-rate", "read no more than so many bytes a second from the backups")
	f.BoolVar(&i.incomplete, "include-incomplete", false, "of ghettovcb: take folders without STATUS.ok, too, and machines without some of their disks")
	f.StringVar(&i.scratch, "scratch", "", "of ghettovcb: unpack archives below this `DIR` (default /var/tmp)")
	f.IntVar(&i.workers, "workers", 0, "how many to compress with at once (default one for each core)")
	f.BoolVar(&i.dryRun, "dry-run", false, "say what would be done and do nothing")
	f.BoolVar(&i.waitLock, "wait-lock", false, "wait for another backup of the machine to end")
	f.BoolVar(&i.failOdd, "fail-on-anomaly", false, "exit with 3 when a point is out of its machine's ordinary; it is kept")
	return cmd
}

func (i *importing) run(ctx context.Context, name string, paths []string) error {
	i.level = ingest.Auto
	if err := i.checkFlags(); err != nil {
		return err
	}
	n := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	switch {
	case n < 0:
		return cli.Usage("%q is no kind of backup that can be imported: virtnbdbackup and ghettovcb are", name)
	case len(paths) == 0:
		return cli.Usage("no %s was named: name the directories that %s wrote to", kinds[n].what, name)
	case name != "ghettovcb" && (i.incomplete || i.scratch != ""):
		return cli.Usage("--include-incomplete and --scratch are for ghettovcb alone")
	}
	troves, err := i.open(kinds[n], paths)
	defer closeTroves(troves)
	if err != nil {
		return err
	}
	return i.app.WithRepository(ctx, 0, func(repo *index.Repository) error { return i.all(ctx, repo, troves) })
}

// open opens what the paths name, what is of one machine in the order of its time.
func (i *importing) open(k kind, paths []string) (all []trove, err error) {
	i.clock = k.zone
	if i.zone != "" {
		if i.clock, err = time.LoadLocation(i.zone); err != nil {
			return nil, cli.Usage("--time-zone %q: %v", i.zone, err)
		}
	}
	for _, path := range paths {
		troves, err := k.open(path, i)
		if errors.Is(err, k.none) {
			return all, cli.Hint(err, "%s", k.where)
		}
		if err != nil {
			return all, err
		}
		all = append(all, troves...)
		if err := i.checkNames(k, troves, path, all[0].machine); err != nil {
			return all, err
		}
	}
	slices.SortStableFunc(all, func(a, b trove) int {
		if len(a.finds) == 0 || len(b.finds) == 0 {
			return len(a.finds) - len(b.finds)
		}
		return a.finds[0].time.Compare(b.finds[0].time)
	})
	return all, nil
}

// checkNames holds that machines have names, and are one when they are to become one.
func (i *importing) checkNames(k kind, troves []trove, path, first string) error {
	for _, t := range troves {
		if len(t.finds) == 0 {
			continue
		}
		if err := checkMachine(i.of(t), "the "+k.what+" "+path); err != nil {
			return err
		}
		if i.machine != "" && t.machine != first {
			return cli.Usage("--machine %s: the %ss are of two machines, %s and %s: import them one by one", i.machine, k.what, first, t.machine)
		}
	}
	return nil
}

func closeTroves(all []trove) {
	for _, t := range all {
		if t.close != nil {
			t.close() // what was only read
		}
	}
}

// of gives the name of the machine that something is imported into.
func (i *importing) of(t trove) string {
	if i.machine != "" {
		return i.machine
	}
	return t.machine
}
