package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
)

// A keying is a command that makes key slots.
type keying struct {
	app   *cli.App
	file  string // of the new password
	label string

	age, ageFiles []string // recipients
}

func keyCommand(app *cli.App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Manage the passwords and keys that open the repository",
		Long: `Manage what opens the repository: passwords, age recipients and recovery keys. Each has a key slot of its own; any of
them opens everything. A new password is read from --new-password-file, VBACKUP_NEW_PASSWORD_FILE,
VBACKUP_NEW_PASSWORD_COMMAND or VBACKUP_NEW_PASSWORD, or asked for twice. A recovery key is given like a password. The
holder of an age identity names its file with --identity or VBACKUP_IDENTITY_FILE.`,
		Example: `vbackup key list -r /srv/backup`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return cli.Usage("say what to do with the key slots: list, add, remove, passwd, recovery or rotate")
		},
	}
	cmd.AddCommand(keyListCommand(app), keyAddCommand(app), keyRemoveCommand(app), keyPasswdCommand(app),
		keyRecoveryCommand(app), keyRotateCommand(app))
	return cmd
}

// A slotLine is a key slot in JSON.
type slotLine struct {
	Type      string    `json:"type"`
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	Label     string    `json:"label"`
	Recipient string    `json:"recipient,omitempty"`
	Created   time.Time `json:"created"`
	Current   bool      `json:"current"`
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
	for _, s := range slots {
		if s.Damage != nil {
			app.Warn("key slot %s opens nothing: %v", s.ID, s.Damage)
		}
	}
	if app.Flags.JSON {
		for _, s := range slots {
			if err := app.Line(lineOf(s)); err != nil {
				return err
			}
		}
		return app.Line(keyLine{Type: "summary"})
	}
	t := app.Table("ID", "KIND", "CREATED", "LABEL")
	for _, s := range slots {
		l := lineOf(s)
		label, created := strings.TrimSpace(l.Label+" "+l.Recipient), ""
		if s.Current {
			label += " (in use)"
		}
		if s.Damage == nil {
			created = cli.Instant(l.Created)
		}
		t.Row(l.ID, l.Kind, created, label)
	}
	return t.Print()
}

func lineOf(s index.KeyInfo) slotLine {
	if s.Damage != nil {
		return slotLine{Type: "key", ID: s.ID, Kind: "damaged", Current: s.Current}
	}
	return slotLine{"key", s.ID, s.Slot.Kind, s.Slot.Label, s.Slot.Recipient, s.Slot.Created.UTC(), s.Current}
}

func keyAddCommand(app *cli.App) *cobra.Command {
	k := &keying{app: app}
	cmd := &cobra.Command{
		Use:   "add",
		Short: "Add a password, or keys for age recipients",
		Long: `Add a password, or with --age or --age-file a key for each age recipient: age1… or a public key of type ssh-ed25519 or
ssh-rsa. Adding a recipient takes nothing of its secret half, whose holder then opens the repository with --identity. A
recipient's slot can be made by everyone who can write to the storage, around another repository's key: who opens by
identity alone should compare the repository's ID, which vbackup dump config tells, before they trust what they find.`,
		Example: `vbackup key add -r /srv/backup --label 'on call'
vbackup key add -r /srv/backup --age age1… --label escrow`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(k.age)+len(k.ageFiles) > 0 {
				return k.addRecipients(cmd.Context())
			}
			return k.run(cmd.Context(), func(keys *index.Keys, password []byte) error {
				id, err := keys.Add(cmd.Context(), password, k.label)
				if err != nil {
					return err
				}
				return tellKeys(app, "added key slot", id)
			})
		},
	}
	k.flags(cmd)
	cmd.Flags().StringVar(&k.label, "label", "", "what the key is for, or whose")
	cmd.Flags().StringArrayVar(&k.age, "age", nil, "add a key for the holder of this age `RECIPIENT`; repeat for more")
	cmd.Flags().StringArrayVar(&k.ageFiles, "age-file", nil, "add a key for each age recipient in `FILE`")
	cmd.MarkFlagFilename("age-file")
	return cmd
}

func (k *keying) addRecipients(ctx context.Context) error {
	to, err := cli.Recipients(k.age, k.ageFiles)
	if err != nil {
		return err
	}
	return k.app.WithKeys(ctx, func(keys *index.Keys) error {
		ids, err := keys.AddRecipients(ctx, to, k.label)
		if err != nil {
			return err
		}
		return tellKeys(k.app, "added key slot", ids...)
	})
}

func keyPasswdCommand(app *cli.App) *cobra.Command {
	k := &keying{app: app}
	cmd := &cobra.Command{
		Use: "passwd", Short: "Put another password in the place of the one given", Args: cobra.NoArgs,
		Long: `Put another password in the place of the one given. Who opened by an identity or a recovery key keeps it, and the password
is added. Who knew the old password may have kept the keys that it opened: see vbackup key rotate.`,
		Example: "vbackup key passwd -r /srv/backup --new-password-file /root/new",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return k.run(cmd.Context(), func(keys *index.Keys, password []byte) error {
				id, replaced, err := keys.Change(cmd.Context(), password)
				if err != nil {
					return err
				}
				if !replaced {
					return tellKeys(app, "added a password: key slot", id)
				}
				return tellKeys(app, "changed the password: key slot", id)
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
func (k *keying) run(ctx context.Context, do func(*index.Keys, []byte) error) error {
	return k.app.WithKeys(ctx, func(keys *index.Keys) error {
		secret := cli.Secret{File: k.file, Variable: "VBACKUP_NEW_PASSWORD"}
		password, err := k.app.NewPassword(ctx, secret, "new key slot")
		if err != nil {
			return err
		}
		return do(keys, password)
	})
}

func keyRemoveCommand(app *cli.App) *cobra.Command {
	return &cobra.Command{
		Use: "remove ID", Short: "Remove a key slot: what opened it opens nothing any more", Args: cobra.ExactArgs(1),
		Long: `Remove a key slot: its password, identity or recovery key opens nothing any more. Who used it before may have kept the keys
that it opened: see vbackup key rotate. The last slot stays.`,
		Example: "vbackup key remove -r /srv/backup 6f1c2a9be0d34c17",
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.WithKeys(cmd.Context(), func(keys *index.Keys) error {
				if err := keys.Remove(cmd.Context(), args[0]); err != nil {
					return err
				}
				if err := warnNoPassword(cmd.Context(), app, keys); err != nil {
					return err
				}
				return tellKeys(app, "removed key slot", args[0])
			})
		},
	}
}

// warnNoPassword tells when no password opens the repository any more.
func warnNoPassword(ctx context.Context, app *cli.App, keys *index.Keys) error {
	slots, err := keys.List(ctx)
	if err != nil {
		return err
	}
	isPassword := func(s index.KeyInfo) bool { return s.Slot != nil && s.Slot.Kind == format.SlotPassword }
	if !slices.ContainsFunc(slots, isPassword) {
		app.Warn("no password is left: only the holders of the other keys open this repository now")
	}
	return nil
}

// A keyLine ends the JSON lines of the key commands.
type keyLine struct {
	Type string   `json:"type"`
	ID   string   `json:"id,omitempty"`  // the first
	IDs  []string `json:"ids,omitempty"` // all, when there are several
}

func tellKeys(app *cli.App, done string, ids ...string) error {
	if app.Flags.JSON {
		l := keyLine{Type: "summary", ID: ids[0]}
		if len(ids) > 1 {
			l.IDs = ids
		}
		return app.Line(l)
	}
	for _, id := range ids {
		app.Say("%s %s", done, id)
	}
	return nil
}
