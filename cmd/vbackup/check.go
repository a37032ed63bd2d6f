package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
)

func checkCommand(app *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Look over caches and leftovers",
		Long: `Compare the table of known blocks and the catalog of points with what they are made from, and look for what killed
backups left. None of it hurts a point: whether points can be read, verify tells. The exit code is 4 when rebuild-table
would mend something.`,
		Example: `vbackup check -r /srv/backup`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.WithRepository(cmd.Context(), 0, func(repo *index.Repository) error {
				var progress index.Progress
				var c *index.Checkup
				err := app.During(onPacks("check", &progress), func() (err error) {
					c, err = repo.Check(cmd.Context(), &progress)
					return err
				})
				if err != nil {
					return err
				}
				return reportCheck(app, c)
			})
		},
	}
}

// A checkLine is a check in JSON.
type checkLine struct {
	Type            string        `json:"type"`
	Clean           bool          `json:"clean"`
	DamagedSegments []string      `json:"damaged_segments"`
	MissingBlocks   int64         `json:"missing_blocks"`
	MissingPoints   int           `json:"missing_points"`
	OrphanPacks     []string      `json:"orphan_packs"`
	OrphanBytes     int64         `json:"orphan_bytes"`
	Dead            []sessionLine `json:"dead_sessions"`
	Alive           []sessionLine `json:"live_sessions"`
}

type sessionLine struct {
	Machine string `json:"machine"`
	Host    string `json:"host"`
	PID     int64  `json:"pid"`
}

func reportCheck(app *cli.App, c *index.Checkup) error {
	var err error
	if app.Flags.JSON {
		err = app.Line(checkLine{
			"summary", c.Clean(), append([]string{}, c.DamagedSegments...), c.MissingBlocks, c.MissingPoints,
			packNames(c.OrphanPacks), c.OrphanBytes, sessionLines(c.Dead), sessionLines(c.Alive),
		})
	} else {
		err = checkTable(app, c)
	}
	if err == nil && !c.Clean() {
		app.Say("mend the table with: vbackup rebuild-table")
		err = cli.Told(cli.Damaged)
	}
	return err
}

func checkTable(app *cli.App, c *index.Checkup) error {
	t := app.Table("WHAT", "FOUND")
	for _, name := range c.DamagedSegments {
		t.Row("damaged table segment", name)
	}
	t.Row("blocks that the table does not know", fmt.Sprint(c.MissingBlocks))
	t.Row("points that the catalog does not know", fmt.Sprint(c.MissingPoints))
	t.Row("packs that no point names", fmt.Sprintf("%d (%s)", len(c.OrphanPacks), cli.Size(c.OrphanBytes)))
	for _, s := range c.Dead {
		t.Row("backup that died", fmt.Sprintf("%s, process %d on %s", s.Name, s.PID, s.Host))
	}
	for _, s := range c.Alive {
		t.Row("backup at work", fmt.Sprintf("%s, process %d on %s", s.Name, s.PID, s.Host))
	}
	return t.Print()
}

func packNames(ids []format.PackID) []string {
	out := []string{}
	for _, id := range ids {
		out = append(out, id.String())
	}
	return out
}

func sessionLines(sessions []*format.Session) []sessionLine {
	out := []sessionLine{}
	for _, s := range sessions {
		out = append(out, sessionLine{s.Name, s.Host, s.PID})
	}
	return out
}
