package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
)

func dumpCommand(app *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:   "dump OBJECT",
		Short: "Decode one stored object",
		Long: `Decode one stored object: config, a key slot, a keyring (without its keys), a session, a point or a pack, by its name in the repository. Names are those
of files below the repository's directory.`,
		Example: `vbackup dump -r /srv/backup config
vbackup dump -r /srv/backup packs/1f/1f2e3d4c5b6a7988`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.WithRepository(cmd.Context(), 0, func(repo *index.Repository) error {
				object, err := repo.Dump(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return printObject(app, args[0], object)
			})
		},
	}
}

func printObject(app *cli.App, name string, object any) error {
	if app.Flags.JSON {
		return app.Line(struct {
			Type   string `json:"type"`
			Name   string `json:"name"`
			Object any    `json:"object"`
		}{"summary", name, object})
	}
	e := json.NewEncoder(app.Stdout())
	e.SetIndent("", "  ")
	return e.Encode(object)
}
