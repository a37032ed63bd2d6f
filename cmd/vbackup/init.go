package main

import (
	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
)

func initCommand(app *cli.App) *cobra.Command {
	var o index.InitOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make a repository",
		Long: `Make a repository in an empty directory. It is encrypted: without the password nothing in it can be read,
and nobody can recover a lost one.`,
		Example: `vbackup init -r /srv/backup
vbackup init -r /srv/backup --compression lz4 --password-file /root/password`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := format.ParseCodec(o.Compression); err != nil {
				return cli.Usage("--compression %q is none of zstd, s2, lz4 and none", o.Compression)
			}
			place, err := app.NewRepository(cmd.Context(), o)
			if err != nil {
				return err
			}
			return reportInit(app, place, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Compression, "compression", "zstd", "of new blocks: zstd, s2, lz4 or none")
	f.BoolVar(&o.NoEncryption, "no-encryption", false, "store everything readable for anyone")
	complete(cmd, "compression", "zstd", "s2", "lz4", "none")
	return cmd
}

func reportInit(app *cli.App, place string, o index.InitOptions) error {
	if app.Flags.JSON {
		return app.Line(struct {
			Type        string `json:"type"`
			Repository  string `json:"repository"`
			Compression string `json:"compression"`
			Encrypted   bool   `json:"encrypted"`
		}{"summary", place, o.Compression, !o.NoEncryption})
	}
	app.Say("made repository %s", place)
	if !o.NoEncryption {
		app.Say("keep its password safe: without it the backups are lost")
	}
	return nil
}

// complete offers the values of a flag to the shell.
func complete(cmd *cobra.Command, flag string, values ...string) {
	cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}
