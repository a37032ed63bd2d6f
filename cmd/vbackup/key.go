package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
)

// A keying is a command that makes a key slot.
type keying struct {
	app   *cli.App
	file  string // of the new password
	label string
}

func keyCommand(app *cli.App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Manage the passwords that open the repository",
		Long: `Manage the passwords that open the repository. Each has a key slot of its own; any of them opens everything. A new
password is read from --new-password-file, VBACKUP_NEW_PASSWORD_FILE, VBACKUP_NEW_PASSWORD_COMMAND or
VBACKUP_NEW_PASSWORD, or asked for twice.`,
		Example: `vbackup key list -r /srv/backup`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return cli.Usage("say what to do with the key slots: list, add, remove or passwd")
		},
	}
	cmd.AddCommand(keyListCommand(app), keyAddCommand(app), keyRemoveCommand(app), keyPasswdCommand(app),
		cli.LaterCommand("rotate"), cli.LaterCommand("recovery"))
	return cmd
}

// A slotLine is a key slot in JSON.
type slotLine struct {
	Type    string    `json:"type"`
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`
	Label   string    `json:"label"`
	Created time.Time `json:"created"`
	Current bool      `json:"current"`
}

func keyListCommand(app *cli.App) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the key slots", Example: "vbackup key list -r /srv/backup", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.WithKeys(cmd.Context(), func(keys *index.Keys) error {
				slots, err := keys.List(cmd.Context())
				if err != nil {
					return err
				}
				return listSlots(app, slots)
			})
		},
	}
}

func listSlots(app *cli.App, slots []index.KeyInfo) error {
	if app.Flags.JSON {
		for _, s := range slots {
			line := slotLine{"key", s.ID, s.Slot.Kind, s.Slot.Label, s.Slot.Created.UTC(), s.Current}
			if err := app.Line(line); err != nil {
				return err
			}
		}
		return app.Line(keyLine{Type: "summary"})
	}
	t := app.Table("ID", "KIND", "CREATED", "LABEL")
	for _, s := range slots {
		label := s.Slot.Label
		if s.Current {
			label += " (in use)"
		}
		t.Row(s.ID, s.Slot.Kind, cli.Instant(s.Slot.Created), label)
	}
	return t.Print()
}

func keyAddCommand(app *cli.App) *cobra.Command {
	k := &keying{app: app}
	cmd := &cobra.Command{
		Use: "add", Short: "Add a password", Example: "vbackup key add -r /srv/backup --label 'on call'", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return k.run(cmd.Context(), "added key slot", func(keys *index.Keys, password []byte) (string, error) {
				return keys.Add(cmd.Context(), password, k.label)
			})
		},
	}
	k.flags(cmd)
	cmd.Flags().StringVar(&k.label, "label", "", "what the password is for, or whose")
	return cmd
}

func keyPasswdCommand(app *cli.App) *cobra.Command {
	k := &keying{app: app}
	cmd := &cobra.Command{
		Use: "passwd", Short: "Put another password in the place of the one given", Args: cobra.NoArgs,
		Example: "vbackup key passwd -r /srv/backup --new-password-file /root/new",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return k.run(cmd.Context(), "changed the password: key slot", func(keys *index.Keys, password []byte) (string, error) {
				return keys.Change(cmd.Context(), password)
			})
		},
	}
	k.flags(cmd)
	return cmd
}

func (k *keying) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.file, "new-password-file", "", "read the new password from `FILE`")
	cmd.MarkFlagFilename("new-password-file")
}

// run opens the key slots first: the old password is asked for before the new one.
func (k *keying) run(ctx context.Context, done string, do func(*index.Keys, []byte) (string, error)) error {
	return k.app.WithKeys(ctx, func(keys *index.Keys) error {
		secret := cli.Secret{File: k.file, Variable: "VBACKUP_NEW_PASSWORD"}
		password, err := k.app.NewPassword(ctx, secret, "new key slot")
		if err != nil {
			return err
		}
		id, err := do(keys, password)
		if err != nil {
			return err
		}
		return tellKey(k.app, done, id)
	})
}

func keyRemoveCommand(app *cli.App) *cobra.Command {
	return &cobra.Command{
		Use: "remove ID", Short: "Remove a key slot, and with it its password", Args: cobra.ExactArgs(1),
		Example: "vbackup key remove -r /srv/backup 6f1c2a9be0d34c17",
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.WithKeys(cmd.Context(), func(keys *index.Keys) error {
				if err := keys.Remove(cmd.Context(), args[0]); err != nil {
					return err
				}
				return tellKey(app, "removed key slot", args[0])
			})
		},
	}
}

// A keyLine ends the JSON lines of the key commands.
type keyLine struct {
	Type string `json:"type"`
	ID   string `json:"id,omitempty"`
}

func tellKey(app *cli.App, done, id string) error {
	if app.Flags.JSON {
		return app.Line(keyLine{"summary", id})
	}
	app.Say("%s %s", done, id)
	return nil
}
