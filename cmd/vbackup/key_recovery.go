package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
)

func keyRecoveryCommand(app *cli.App) *cobra.Command {
	var label string
	cmd := &cobra.Command{
		Use:   "recovery",
		Short: "Make a recovery key to print and keep",
		Long: `Make a recovery key and write it on standard output, once, with what one has to know to use it: print this, and keep it
where a fire, a thief and a lost password do not get it at the same time. It is given wherever a password is; case, spaces
and dashes do not count, and a typing error is told. Several may be made; vbackup key remove takes one away.`,
		Example: "vbackup key recovery -r /srv/backup | lpr",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.WithKeys(cmd.Context(), func(keys *index.Keys) error {
				return makeRecovery(cmd.Context(), app, keys, label)
			})
		},
	}
	cmd.Flags().StringVar(&label, "label", "", "where the paper lies, or whose it is")
	return cmd
}

// makeRecovery takes the key back when it could not be written: nobody would have it.
func makeRecovery(ctx context.Context, app *cli.App, keys *index.Keys, label string) error {
	id, text, err := keys.AddRecovery(ctx, label)
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGPIPE) // to hear of a reader that has gone
	if err := printRecovery(app, keys, id, text); err != nil {
		err = fmt.Errorf("write the recovery key: %w", err)
		return errors.Join(err, keys.Remove(context.WithoutCancel(ctx), id))
	}
	app.Say("added key slot %s: its recovery key is not shown again", id)
	return nil
}

// printRecovery writes on standard output alone: neither messages nor logs have the key.
func printRecovery(app *cli.App, keys *index.Keys, id, text string) error {
	now := time.Now().UTC().Truncate(time.Second)
	if app.Flags.JSON {
		return app.Line(struct {
			Type       string    `json:"type"`
			ID         string    `json:"id"`
			Repository string    `json:"repository"`
			Created    time.Time `json:"created"`
			Key        string    `json:"recovery_key"`
		}{"summary", id, keys.Repository().String(), now, text})
	}
	place, err := app.Place()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(app.Stdout(), sheet, keys.Repository(), cli.Printable(place), id, cli.Instant(now), text)
	return err
}

// sheet fits a page, and the key a line.
const sheet = `RECOVERY KEY OF A BACKUP REPOSITORY -- print this, keep it offline

repository  %s
made at     %s
key slot    %s
date        %s

%s

Who has this key and the repository can read every backup in it, without any password.

To use it:  1. install vbackup (the vbfs backup system) on any machine that reaches the repository;
            2. run "vbackup points -r DIRECTORY" and type the key when it asks for the password,
               or write it to a file and name that by VBACKUP_PASSWORD_FILE;
            3. set a new password with "vbackup key passwd -r DIRECTORY".
Capitals, spaces and dashes do not matter; 0 and O, 1 and I and L are the same.
If the key was seen by others: vbackup key remove -r DIRECTORY with the key slot above.
`
