package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
)

func statsCommand(app *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:   "stats",
		Short: "Tell what the repository holds and costs",
		Long: `Tell what each machine's points come to, and what the repository's objects take. DISKS is what all points would take as
plain files, DATA what of it is not zero, NEW what the machine brought in that was not there yet, STORED what that takes.`,
		Example: `vbackup stats -r /srv/backup`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.WithRepository(cmd.Context(), 0, func(repo *index.Repository) error {
				s, err := repo.Stats(cmd.Context())
				if err != nil {
					return err
				}
				if app.Flags.JSON {
					return statsLines(app, s)
				}
				return statsTables(app, s)
			})
		},
	}
}

func statsTables(app *cli.App, s *index.Stats) error {
	t := app.Table("MACHINE", "POINTS", "DISKS", "DATA", "NEW", "STORED")
	for _, m := range s.Machines {
		t.Row(m.Name, fmt.Sprint(m.Points), cli.Size(m.Disk), cli.Size(m.Data), cli.Size(m.New), cli.Size(m.Stored))
	}
	if err := t.Print(); err != nil {
		return err
	}
	if err := app.Result(""); err != nil {
		return err
	}
	t = app.Table("OBJECTS", "NUMBER", "SIZE")
	for _, name := range slices.Sorted(maps.Keys(s.Folders)) {
		f := s.Folders[name]
		t.Row(name, fmt.Sprint(f.Objects), cli.Size(f.Bytes))
	}
	all := total(s)
	t.Row("together", fmt.Sprint(all.Objects), cli.Size(all.Bytes))
	return t.Print()
}

func total(s *index.Stats) (all index.FolderStats) {
	for _, f := range s.Folders {
		all.Objects += f.Objects
		all.Bytes += f.Bytes
	}
	return all
}

type machineLine struct {
	Type    string `json:"type"`
	Machine string `json:"machine"`
	Points  int    `json:"points"`
	Disk    int64  `json:"disks_bytes"`
	Data    int64  `json:"data_bytes"`
	New     int64  `json:"new_bytes"`
	Stored  int64  `json:"stored_bytes"`
}

type folderLine struct {
	Type    string `json:"type"`
	Folder  string `json:"folder,omitempty"`
	Objects int64  `json:"objects"`
	Bytes   int64  `json:"size_bytes"`
}

func statsLines(app *cli.App, s *index.Stats) error {
	for _, m := range s.Machines {
		if err := app.Line(machineLine{"machine", m.Name, m.Points, m.Disk, m.Data, m.New, m.Stored}); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Folders)) {
		if err := app.Line(folderLine{"folder", name, s.Folders[name].Objects, s.Folders[name].Bytes}); err != nil {
			return err
		}
	}
	all := total(s)
	return app.Line(folderLine{"summary", "", all.Objects, all.Bytes})
}
