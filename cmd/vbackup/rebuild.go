package main

import (
	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
)

func rebuildCommand(app *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:   "rebuild-table",
		Short: "Make the table of known blocks anew, from the packs",
		Long: `Make the table of known blocks anew from the packs' own trailers. The table is a cache: without it nothing is lost, but
backups store again what is there already. Backups may go on meanwhile.`,
		Example: `vbackup rebuild-table -r /srv/backup`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.WithRepository(cmd.Context(), 0, func(repo *index.Repository) error {
				var progress index.Progress
				err := app.During(onPacks("rebuild", &progress), func() error { return repo.RebuildTable(cmd.Context(), &progress) })
				if err != nil {
					return err
				}
				if app.Flags.JSON {
					return app.Line(struct {
						Type string `json:"type"`
					}{"summary"})
				}
				app.Say("rebuilt the table")
				return nil
			})
		},
	}
}
