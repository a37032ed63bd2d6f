package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
)

// A protecting is the command and its flags.
type protecting struct {
	app    *cli.App
	off    bool
	normal bool
}

func protectCommand(app *cli.App) *cobra.Command {
	p := &protecting{app: app}
	cmd := &cobra.Command{
		Use:   "protect POINT",
		Short: "Keep a point from forget, or say that it is in order",
		Long: `Keep a point from forget, whatever its rules say, until --off. With --normal it is said instead that what made a backup
flag the point as an anomaly was expected: it then counts as any other, and those before it are no longer kept on its
account.`,
		Example: `vbackup protect -r /srv/backup web01@2026-11-20T20-03-27Z
vbackup protect -r /srv/backup web01@1f2e3d4c --off
vbackup protect -r /srv/backup web01 --normal`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.WithRepository(cmd.Context(), 0, func(repo *index.Repository) error {
				return p.run(cmd.Context(), repo, args[0])
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&p.off, "off", false, "take it back")
	f.BoolVar(&p.normal, "normal", false, "the change that was flagged as an anomaly was expected")
	return cmd
}

func (p *protecting) run(ctx context.Context, repo *index.Repository, arg string) error {
	s := index.ParseSelector(arg)
	if s.Disk != "" {
		return cli.Usage("%s names a disk: points are protected as a whole", arg)
	}
	m, err := cli.Point(ctx, repo, s)
	if err != nil {
		return err
	}
	if p.normal && m.Anomaly == "" {
		return fmt.Errorf("%s@%s was not flagged: there is nothing to accept", m.MachineName, m.Name)
	}
	if err := p.note(ctx, repo, m); err != nil {
		return err
	}
	// Of a forget that ran at the same time, this one may have come too late.
	if _, err := repo.Point(ctx, m); err != nil {
		return err
	}
	return p.report(ctx, repo, m)
}

// note adds the note, unless the last one says the same.
func (p *protecting) note(ctx context.Context, repo *index.Repository, m *format.Manifest) error {
	notes, err := repo.Notes(ctx)
	if err != nil {
		return err
	}
	f := notes[m.Point]
	kind, value, already := format.NoteProtected, format.NoteYes, f.Protected == !p.off
	if p.normal {
		kind, value, already = format.NoteAnomaly, format.NoteAccepted, f.Accepted == !p.off
	}
	if already && !f.Doubtful {
		return nil
	}
	if p.off {
		value = ""
	}
	return repo.AddNote(ctx, m.Point, kind, value)
}

func (p *protecting) report(ctx context.Context, repo *index.Repository, m *format.Manifest) error {
	notes, err := repo.Notes(ctx)
	if err != nil {
		return err
	}
	f := notes[m.Point]
	if p.app.Flags.JSON {
		return p.app.Line(struct {
			Type      string `json:"type"`
			ID        string `json:"id"`
			Machine   string `json:"machine"`
			Name      string `json:"name"`
			Protected bool   `json:"protected"`
			Accepted  bool   `json:"anomaly_accepted"`
		}{"summary", m.Point.String(), m.MachineName, m.Name, f.Protected, f.Accepted})
	}
	p.app.Say("%s@%s is %s", m.MachineName, m.Name, p.state(f))
	return nil
}

func (p *protecting) state(f format.Facts) string {
	switch {
	case p.normal && f.Accepted:
		return "normal: its anomaly was expected"
	case p.normal:
		return "flagged as an anomaly again"
	case f.Protected:
		return "protected"
	}
	return "not protected"
}
