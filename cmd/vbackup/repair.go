package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/ingest"
	"vbfs/ingest/file"
	"vbfs/ingest/nbd"
)

// A repairing is the command and its flags.
type repairing struct {
	app      *cli.App
	from     cli.Other
	readData bool
	sources  []string
	format   string
	dryRun   bool
}

func repairCommand(app *cli.App) *cobra.Command {
	r := &repairing{app: app}
	r.from.Secret.Variable, r.from.Flag = "VBACKUP_FROM_PASSWORD", "from-password-file"
	cmd := &cobra.Command{
		Use:   "repair",
		Short: "Heal what is damaged, and mark what cannot be healed",
		Long: `Look for damage as verify does, with --read-data in all data, and heal it: from equal blocks elsewhere in the repository,
from copies of the points in another repository (--from), from the disks as they are now (--source), which have much of
what they had. Only bytes with the very ID that is wanted are taken, whoever gives them. Lost parts of maps are made anew
when they come out the same.

What was healed is added; nothing is deleted or overwritten but the table, which is made anew when it is damaged. What
cannot be healed is named and marked: new backups store it again instead of pointing to it, and the points that it hurts
are noted as damaged. A later repair heals them when it can. A point whose manifest is damaged is copied again from the
other repository. The exit code is 4 when damage stays.

The password of the other repository comes from VBACKUP_FROM_PASSWORD_FILE, VBACKUP_FROM_PASSWORD_COMMAND,
VBACKUP_FROM_PASSWORD or --from-password-file, an identity from VBACKUP_FROM_IDENTITY_FILE; else the password is asked for.`,
		Example: `vbackup repair -r /srv/backup --read-data --from /mnt/usb/backup
vbackup repair -r /srv/backup --source web01:vda=/var/lib/libvirt/images/web01.qcow2
vbackup repair -r /srv/backup --read-data --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return r.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.BoolVar(&r.readData, "read-data", false, "look for damage in all data, too")
	f.StringVar(&r.from.Place, "from", "", "heal from another repository: a `DIR`")
	f.StringVar(&r.from.Secret.File, "from-password-file", "", "read the other repository's password from `FILE`")
	f.StringArrayVar(&r.sources, "source", nil, "heal from a disk as it is now: `MACHINE:DISK=SOURCE`, a source as of backup; may be given several times")
	f.StringVar(&r.format, "format", "", "of files that are sources: raw, qcow2, vmdk, vhdx or vdi (default by name and content)")
	f.BoolVar(&r.dryRun, "dry-run", false, "say what would be healed and do nothing")
	complete(cmd, "format", "raw", "qcow2", "vmdk", "vhdx", "vdi")
	cmd.MarkFlagDirname("from")
	cmd.MarkFlagFilename("from-password-file")
	return cmd
}

func (r *repairing) run(ctx context.Context) error {
	live, err := r.parse()
	if err != nil {
		return err
	}
	o := index.RepairOptions{DryRun: r.dryRun, Progress: new(index.Progress)}
	if r.readData {
		o.ReadData = func(format.PackID) bool { return true }
	}
	return r.app.WithRepository(ctx, 0, func(repo *index.Repository) error {
		for _, l := range live {
			src, err := r.open(ctx, l)
			if err != nil {
				return err
			}
			defer src.Close()
			o.Live = append(o.Live, index.Live{ReaderAt: src, Size: src.Size(), Machine: l.machine, Disk: l.disk, Name: l.String()})
		}
		if r.from.Place == "" {
			return r.repair(ctx, repo, o)
		}
		return r.app.WithOther(ctx, r.from, func(other *index.Repository) error {
			o.From = other
			return r.repair(ctx, repo, o)
		})
	})
}

// A liveDisk is a source that says which disk it is.
type liveDisk struct {
	source
	machine string // "" is any
}

// parse reads the sources: [MACHINE:]DISK=SOURCE.
func (r *repairing) parse() (out []liveDisk, err error) {
	for _, arg := range r.sources {
		name, rest, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, cli.Usage("--source %s does not say which disk it is: --source MACHINE:DISK=%s", arg, arg)
		}
		var l liveDisk
		disk := name
		if i := strings.LastIndexByte(name, ':'); i >= 0 {
			l.machine, disk = name[:i], name[i+1:]
		}
		if l.source, err = parseSource(disk + "=" + rest); err != nil {
			return nil, err
		}
		if l.disk == "" {
			return nil, cli.Usage("--source %s: %q is no name for a disk", arg, disk)
		}
		out = append(out, l)
	}
	return out, nil
}

// open opens a source to read parts of it.
func (r *repairing) open(ctx context.Context, l liveDisk) (ingest.Source, error) {
	if l.uri != "" {
		return nbd.Open(ctx, l.uri, nbd.Options{})
	}
	return file.Open(ctx, l.path, file.Options{Format: r.format})
}

func (r *repairing) repair(ctx context.Context, repo *index.Repository, o index.RepairOptions) error {
	start := time.Now()
	var got *index.Repaired
	err := r.app.During(onPacks("repair", o.Progress), func() (err error) {
		got, err = repo.Repair(ctx, o)
		return err
	})
	if err != nil {
		return err
	}
	return r.report(got, time.Since(start))
}

// A findingLine is a problem in JSON, and what became of it.
type findingLine struct {
	problemLine
	Healed bool     `json:"healed"`
	By     []string `json:"by"`
	Advice string   `json:"advice,omitempty"`
}

// A repairLine is the summary in JSON.
type repairLine struct {
	Type     string   `json:"type"`
	Problems int      `json:"problems"`
	Healed   int      `json:"healed"`
	Foreign  int      `json:"foreign"`
	Blocks   int      `json:"blocks_healed"`
	Lost     int      `json:"blocks_lost"`
	Marked   int      `json:"points_marked"`
	Cleared  int      `json:"points_cleared"`
	Fetched  []string `json:"points_fetched"`
	Table    bool     `json:"table_rebuilt"`
	DryRun   bool     `json:"dry_run"`
	Seconds  float64  `json:"seconds"`
}

func (r *repairing) report(got *index.Repaired, took time.Duration) error {
	l := repairLine{
		Type: "summary", Blocks: got.Blocks, Lost: got.Lost, Marked: got.Marked, Cleared: got.Cleared, Fetched: []string{},
		Table: got.Table, DryRun: r.dryRun, Seconds: took.Seconds(),
	}
	for _, c := range got.Fetched {
		l.Fetched = append(l.Fetched, c.Point.Point.String())
	}
	for _, f := range got.Findings {
		if err := r.tell(f); err != nil {
			return err
		}
		switch {
		case errors.Is(f.What, index.ErrForeign):
			l.Foreign++
		case f.Healed:
			l.Healed++
			fallthrough
		default:
			l.Problems++
		}
	}
	if err := r.summarize(l, took); err != nil {
		return err
	}
	if l.Problems > l.Healed {
		return cli.Told(cli.Damaged)
	}
	return nil
}

func (r *repairing) summarize(l repairLine, took time.Duration) error {
	if r.app.Flags.JSON {
		return r.app.Line(l)
	}
	if r.app.Flags.Quiet && l.Problems == 0 {
		return nil
	}
	verb := "healed"
	if r.dryRun {
		verb = "would heal"
	}
	return r.app.Result("%s %d of %d problems in %s: %d blocks healed, %d lost, %d points marked as damaged, %d cleared", verb, l.Healed,
		l.Problems, cli.Took(took), l.Blocks, l.Lost, l.Marked, l.Cleared)
}

func (r *repairing) tell(f *index.Finding) error {
	kind := "problem"
	if errors.Is(f.What, index.ErrForeign) {
		kind = "foreign"
	}
	if r.app.Flags.JSON {
		return r.app.Line(findingLine{problemLineOf(kind, &f.Problem), f.Healed, append([]string{}, f.By...), f.Advice})
	}
	word := "damaged"
	switch {
	case kind == "foreign":
		word = kind
	case f.Healed && r.dryRun:
		word = "can be healed"
	case f.Healed:
		word = "healed"
	}
	if err := r.app.Result("%s: %s: %v", word, f.Object, f.What); err != nil {
		return err
	}
	return r.details(f)
}

// details tells what healed a problem, or what it hurts and what can be done.
func (r *repairing) details(f *index.Finding) error {
	if f.Healed {
		if len(f.By) == 0 {
			return nil
		}
		return r.app.Result("  by %s", strings.Join(f.By, "; "))
	}
	for _, h := range f.Hurts {
		if err := r.app.Result("  hurts %s", hurt(h)); err != nil {
			return err
		}
	}
	if f.Advice == "" {
		return nil
	}
	return r.app.Result("  %s", f.Advice)
}
