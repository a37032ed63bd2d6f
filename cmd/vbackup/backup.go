package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/ingest"
)

var levels = []string{ingest.Auto, ingest.Full, ingest.Inc, ingest.Diff, ingest.Copy}

// A backup is the command and its flags.
type backup struct {
	app              *cli.App
	machine, level   string
	tags             []string
	include, exclude []string
	bitmap, format   string
	rate             cli.SizeFlag
	workers          int
	dryRun, waitLock bool
	audit, failOdd   bool
	whole            wholeness
	reports          reports
	crowd            crowd
}

func backupCommand(app *cli.App) *cobra.Command {
	b := &backup{app: app}
	cmd := &cobra.Command{
		Use:     "backup SOURCE…",
		Short:   "Capture machines' disks as new points",
		Long:    backupText,
		Example: backupExamples,
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return b.run(cmd.Context(), args) },
	}
	b.flags(cmd)
	return cmd
}

func (b *backup) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&b.machine, "machine", "", "join all sources into the machine of this `NAME`")
	f.StringVar(&b.level, "level", ingest.Auto, "auto, full, inc, diff or copy; inc without a parent becomes a full")
	f.StringArrayVar(&b.tags, "tag", nil, "keep `K=V` with the points; may be given several times")
	f.StringSliceVar(&b.include, "include", nil, "capture these `DISK`s alone")
	f.StringSliceVar(&b.exclude, "exclude", nil, "leave these `DISK`s out")
	f.StringVar(&b.bitmap, "bitmap", "", "read what the dirty bitmap `NAME` of the NBD server calls changed")
	f.StringVar(&b.format, "format", "", "of the files: raw, qcow2, vmdk, vhdx or vdi (default by name and content)")
	f.Var(&b.rate, "limit-rate", "read no more than so many bytes a second from sources")
	f.IntVar(&b.workers, "workers", 0, "how many blocks to read and compress at once, of all machines (default one for each core, two for each of several machines)")
	f.BoolVar(&b.dryRun, "dry-run", false, "say what would be done and do nothing")
	f.BoolVar(&b.waitLock, "wait-lock", false, "wait for another backup of the machine to end")
	f.BoolVar(&b.audit, "audit", false, "compare all that change tracking calls unchanged, not a sample of it")
	f.BoolVar(&b.failOdd, "fail-on-anomaly", false, "exit with 3 when a point is out of its machine's ordinary; it is kept")
	f.StringArrayVar((*[]string)(&b.reports), "report", nil, "write a line for each machine to `FILE`, by its name .txt, .json or .html, or - for standard output; may be given several times")
	complete(cmd, "level", levels...)
	f.IntVar(&b.crowd.machines, "machines-at-once", 0, "capture so many machines side by side (default 4 of vsphere:, else 1)")
	f.IntVar(&b.crowd.host, "per-host", 0, "of these no more than so many that run on one host of VMware's (default 4)")
	f.IntVar(&b.crowd.store, "per-datastore", 0, "and no more than so many that lie on one datastore of VMware's (default 2)")
	b.whole.flags(cmd)
}

// capturePlanned captures what the arguments mean, and gives what became of each machine; nil is that it did not come to that.
func (b *backup) capturePlanned(ctx context.Context, args []string) (outcomes []outcome, err error) {
	sources, err := b.sources(args)
	if err != nil {
		return nil, err
	}
	plan := sync.OnceValues(func() ([]machine, error) { return b.plan(ctx, sources) })
	if slices.ContainsFunc(sources, source.names) {
		go plan() // a login takes as long as the password's key
	} else if _, err := plan(); err != nil {
		return nil, wayIn(err)
	}
	err = b.app.WithRepository(ctx, 0, func(repo *index.Repository) error {
		all, err := plan()
		if err != nil {
			return err
		}
		left, waiting, err := b.waiting(ctx, repo, all)
		if err != nil {
			return err
		}
		if b.dryRun {
			return errors.Join(wayIn(b.rehearse(ctx, repo, left)), b.tellUnread(ctx))
		}
		start := time.Now()
		outcomes = append(b.captureAll(ctx, repo, left), waiting...)
		if err := ctx.Err(); err != nil {
			return err
		}
		return errors.Join(b.summary(outcomes, time.Since(start)), verdict(outcomes), b.tellUnread(ctx))
	})
	if _, err := plan(); err != nil {
		return nil, wayIn(err)
	}
	return outcomes, err
}

// sources reads the arguments.
func (b *backup) sources(args []string) (sources []source, err error) {
	if err := b.checkFlags(); err != nil {
		return nil, err
	}
	for _, arg := range args {
		s, err := parseSource(arg)
		if err != nil {
			return nil, err
		}
		if b.bitmap != "" && s.uri == "" {
			return nil, cli.Usage("%s: --bitmap is for NBD servers alone", s)
		}
		sources = append(sources, s)
	}
	return sources, errors.Join(b.whole.check(sources), b.crowd.check(sources), b.whole.inventory.check(sources, b.tags))
}

// plan finds the machines that the sources mean.
func (b *backup) plan(ctx context.Context, sources []source) ([]machine, error) {
	sources, err := b.everyone(ctx, sources)
	if err != nil {
		return nil, err
	}
	all, err := machines(sources, b.machine)
	if err != nil {
		return nil, err
	}
	return all, chooseDisks(all, b.include, b.exclude)
}

func (b *backup) checkFlags() error {
	if !slices.Contains(levels, b.level) {
		return cli.Usage("--level %q is none of %s", b.level, strings.Join(levels, ", "))
	}
	if b.workers < 0 || b.workers > 256 {
		return cli.Usage("--workers %d: between 1 and 256", b.workers)
	}
	for _, tag := range b.tags {
		if k, _, ok := strings.Cut(tag, "="); !ok || k == "" {
			return cli.Usage("--tag %q is not of the form K=V", tag)
		}
	}
	return nil
}

// capture captures one machine. There may be a point, without some of its disks, and an error as well.
func (f *fleet) capture(ctx context.Context, m *machine) (*format.Manifest, error) {
	if err := f.meet(ctx, m); err != nil {
		return nil, err
	}
	for {
		if f.waitLock {
			if err := f.wait(ctx, f.repo, m.name); err != nil {
				return nil, err
			}
		}
		p, err := ingest.Run(ctx, f.repo, ingest.Options{
			Machine: m.name, Level: f.level, Tool: f.app.Tool(), Host: hostname(), Tags: f.tagsOf(m), Disks: f.captured(*m), Source: m.source,
			Pool: f.pool, Audit: f.audit, Progress: m.progress,
		})
		if !f.waitLock || !errors.Is(err, index.ErrLocked) {
			return p, err
		}
	}
}

// waitEvery is how often it is looked whether another backup of the machine has ended.
const waitEvery = time.Second

// wait returns when nobody is at work on the machine. Somebody else may begin before we do.
func (b *backup) wait(ctx context.Context, repo *index.Repository, name string) error {
	for told := false; ; told = true {
		sessions, err := repo.Sessions(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(sessions, func(s *format.Session) bool { return s.Name == name && index.Alive(s) })
		if i < 0 {
			return nil
		}
		if s := sessions[i]; !told {
			b.app.Say("%s: waiting for process %d on %s", name, s.PID, s.Host)
		}
		select {
		case <-time.After(waitEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}
