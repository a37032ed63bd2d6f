package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/fs"
	"vbfs/index"
)

// A mounting is the command and its flags.
type mounting struct {
	app        *cli.App
	cache      *cli.SizeFlag
	allowOther bool
	daemon     bool
	child      bool // of a mount in the background
}

func mountCommand(app *cli.App) *cobra.Command {
	m := &mounting{app: app}
	cmd := &cobra.Command{
		Use:   "mount MOUNTPOINT",
		Short: "Mount every point, read-only, as folders by machine and by date",
		Long: `Mount every point, read-only, on an empty directory: images of disks and partitions in folders by machine and by date.
New points appear within a second. The mount ends by umount, SIGINT or SIGTERM.`,
		Example: `vbfs mount -r /srv/backup /mnt
vbfs mount -r /srv/backup /mnt --daemon --allow-other`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return m.run(cmd.Context(), args[0]) },
	}
	m.cache = cacheFlag(cmd)
	f := cmd.Flags()
	f.BoolVar(&m.daemon, "daemon", false, "go on in the background once it is mounted")
	f.BoolVar(&m.allowOther, "allow-other", false, "let other users in: every file is readable by all then")
	f.BoolVar(&m.child, "child", false, "")
	f.MarkHidden("child")
	return cmd
}

func (m *mounting) run(ctx context.Context, dir string) error {
	if m.daemon {
		return m.daemonize(ctx, dir)
	}
	cache := int64(*m.cache)
	cli.LimitMemory(cache + heapBeside)
	mount := func(repo *index.Repository) error { return m.mount(ctx, repo, dir) }
	if !m.child {
		return m.app.WithRepository(ctx, cache, mount)
	}
	credentials, err := childCredentials()
	if err != nil {
		return err
	}
	return m.app.WithCredentials(ctx, cache, credentials, mount)
}

// mount returns when the mount has ended. That it was asked to end is no error.
func (m *mounting) mount(ctx context.Context, repo *index.Repository, dir string) error {
	mounted, err := fs.Mount(ctx, dir, repo, fs.Options{
		AllowOther: m.allowOther,
		OnError:    func(err error) { m.app.Warn("%v", err) },
	})
	if err != nil {
		return cli.Hint(err, "name an empty directory")
	}
	if err := m.tell(dir); err != nil {
		return errors.Join(err, mounted.Unmount())
	}
	err = mounted.Wait(ctx)
	if errors.Is(err, fs.ErrBusy) {
		m.app.Warn("%v", err)
		return nil
	}
	return err
}

// tell says that the tree is mounted, to the parent last.
func (m *mounting) tell(dir string) error {
	if m.app.Flags.JSON {
		err := m.app.Line(struct {
			Type string `json:"type"`
			Path string `json:"path"`
		}{"mounted", dir})
		if err != nil {
			return err
		}
	} else {
		m.app.Say("mounted on %s until it is unmounted", dir)
	}
	if m.child {
		return detach()
	}
	return nil
}
