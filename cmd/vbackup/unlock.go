package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
)

// An unlock is the command and its flags.
type unlock struct {
	app    *cli.App
	force  bool
	dryRun bool
}

func unlockCommand(app *cli.App) *cobra.Command {
	u := &unlock{app: app}
	cmd := &cobra.Command{
		Use:   "unlock [MACHINE…]",
		Short: "End the sessions of backups that have died",
		Long: `End the sessions of backups that have died: on this host those whose process is gone, of other hosts those whose lease is over. A
session that was ended can never become a point, should its backup wake up again. Points are not touched. --force ends
sessions of backups that may be alive, too: those backups will fail.`,
		Example: `vbackup unlock -r /srv/backup
vbackup unlock -r /srv/backup --force web01`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if u.force && len(args) == 0 {
				return cli.Usage("--force wants the machines whose backups shall be ended")
			}
			return app.WithRepository(cmd.Context(), 0, func(repo *index.Repository) error {
				return u.run(cmd.Context(), repo, args)
			})
		},
	}
	cmd.Flags().BoolVar(&u.force, "force", false, "end the sessions of the machines named also when their backups may be alive")
	cmd.Flags().BoolVar(&u.dryRun, "dry-run", false, "say what would be ended and do nothing")
	return cmd
}

// An unlockLine is a session that was ended, or was not, in JSON.
type unlockLine struct {
	Type    string    `json:"type"`
	Machine string    `json:"machine"`
	Point   string    `json:"point"`
	Host    string    `json:"host"`
	PID     int64     `json:"pid"`
	Start   time.Time `json:"start"`
	Lease   time.Time `json:"lease"`
	Alive   bool      `json:"alive"`
	Ended   bool      `json:"ended"`
}

func (u *unlock) run(ctx context.Context, repo *index.Repository, machines []string) error {
	sessions, err := repo.Sessions(ctx)
	if err != nil {
		return err
	}
	ended, kept := 0, 0
	for _, s := range sessions {
		if len(machines) > 0 && !slices.Contains(machines, s.Name) {
			continue
		}
		alive := index.Alive(s)
		end := !alive || u.force
		if end {
			ended++
		} else {
			kept++
		}
		if end && !u.dryRun {
			if err := repo.Break(ctx, s); err != nil {
				return err
			}
		}
		if err := u.tell(s, alive, end); err != nil {
			return err
		}
	}
	return u.summary(ended, kept)
}

func (u *unlock) tell(s *format.Session, alive, end bool) error {
	if u.app.Flags.JSON {
		return u.app.Line(unlockLine{"session", s.Name, s.Point.String(), s.Host, s.PID, s.Start, s.Lease, alive, end && !u.dryRun})
	}
	what := "left alone: its backup is at work"
	switch {
	case end && u.dryRun:
		what = "would be ended"
	case end && alive:
		what = "ended although it may be alive: that backup will fail"
	case end:
		what = "ended: its backup had died"
	}
	return u.app.Result("%s: session of process %d on %s since %s %s", s.Name, s.PID, s.Host, cli.Instant(s.Start), what)
}

func (u *unlock) summary(ended, kept int) error {
	if u.app.Flags.JSON {
		return u.app.Line(struct {
			Type   string `json:"type"`
			Ended  int    `json:"ended"`
			Kept   int    `json:"kept"`
			DryRun bool   `json:"dry_run"`
		}{"summary", ended, kept, u.dryRun})
	}
	if ended+kept == 0 {
		u.app.Say("no session is open: nothing is locked")
	}
	return nil
}
