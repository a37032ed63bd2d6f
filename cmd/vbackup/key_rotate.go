package main

import (
	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
)

func keyRotateCommand(app *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:   "rotate",
		Short: "Have new backups sealed under a new master key",
		Long: `Have new backups sealed under a new master key. What is stored stays as it is, and readable; a backup that is under way
ends under the key that it began with; mounts and servers learn the new key by themselves.

It protects what comes from who got hold of a master key, and of nothing else. It does not protect from who could open the
repository once, by a password, identity or recovery key that was removed since, if they kept the root key, which opens
every key that ever comes, and can still read the storage. Against these make a new repository.`,
		Example: "vbackup key rotate -r /srv/backup",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.WithKeys(cmd.Context(), func(keys *index.Keys) error {
				number, err := keys.Rotate(cmd.Context())
				if err != nil {
					return err
				}
				if app.Flags.JSON {
					return app.Line(struct {
						Type   string `json:"type"`
						Number uint32 `json:"master_key"`
					}{"summary", number})
				}
				app.Say("new backups are sealed under master key %d", number)
				return nil
			})
		},
	}
}
