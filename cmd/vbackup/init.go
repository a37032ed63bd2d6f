package main

import (
	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
)

func initCommand(app *cli.App) *cobra.Command {
	var o index.InitOptions
	var escrow []string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make a repository",
		Long: `Make a repository in an empty directory. It is encrypted: without the password nothing in it can be read,
and nobody can recover a lost one, unless a key is left in escrow: to an age recipient here, or on paper by vbackup key
recovery.`,
		Example: `vbackup init -r /srv/backup
vbackup init -r /srv/backup --compression lz4 --password-file /root/password
vbackup init -r /srv/backup --escrow age1…`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := format.ParseCodec(o.Compression); err != nil {
				return cli.Usage("--compression %q is none of zstd, s2, lz4 and none", o.Compression)
			}
			if o.NoEncryption && len(escrow) > 0 {
				return cli.Usage("--escrow leaves a key to someone, and --no-encryption makes none")
			}
			var err error
			if o.Escrow, err = cli.Recipients(escrow, nil); err != nil {
				return err
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
	f.StringArrayVar(&escrow, "escrow", nil, "let the holder of this age `RECIPIENT` open it, too; repeat for more")
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
	for _, r := range o.Escrow {
		app.Say("left a key in escrow to %s", r.Text)
	}
	return nil
}

// complete offers the values of a flag to the shell.
func complete(cmd *cobra.Command, flag string, values ...string) {
	cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}
