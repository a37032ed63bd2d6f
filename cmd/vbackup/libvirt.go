package main

import (
	"context"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	hyper "vbfs/hyper/libvirt"
)

// A libvirtCLI is the command and its flags.
type libvirtCLI struct {
	app     *cli.App
	connect string
	remove  bool
}

func libvirtCommand(app *cli.App) *cobra.Command {
	l := &libvirtCLI{app: app}
	cmd := &cobra.Command{
		Use:   "libvirt",
		Short: "Look at libvirt's machines and at their change tracking",
		Example: `vbackup libvirt ls
vbackup libvirt checkpoints web01`,
	}
	cmd.PersistentFlags().StringVar(&l.connect, "connect", "", "libvirt at this `URI` (default qemu:///system)")
	cmd.AddCommand(l.lsCommand(), l.checkpointsCommand())
	return cmd
}

// with connects for one command.
func (l *libvirtCLI) with(ctx context.Context, do func(*hyper.Conn) error) error {
	conn, err := hyper.Dial(ctx, l.connect)
	if err != nil {
		return wayIn(err)
	}
	defer conn.Close()
	return wayIn(do(conn))
}
