package main

import (
	"context"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	hyper "vbfs/hyper/vsphere"
)

// A vsphereCLI is the command and its flags.
type vsphereCLI struct {
	app    *cli.App
	server vsphereServer
}

func vsphereCommand(app *cli.App) *cobra.Command {
	v := &vsphereCLI{app: app}
	cmd := &cobra.Command{
		Use:   "vsphere",
		Short: "Look at VMware's machines and at their change tracking",
		Example: `vbackup vsphere ls --server vcenter.example.org --user backup@vsphere.local
vbackup vsphere cbt info --server vcenter.example.org --user backup@vsphere.local /DC/vm/web01`,
	}
	v.server.flags(cmd.PersistentFlags())
	cmd.AddCommand(v.lsCommand(), v.cbtCommand())
	return cmd
}

// each runs work with each machine that the patterns name. One that fails does not keep the others from it.
func (v *vsphereCLI) each(ctx context.Context, patterns []string, work func(*hyper.Conn, hyper.Entry) error) error {
	defer v.server.close()
	var machines []hyper.Entry
	for _, p := range patterns {
		found, err := v.server.find(ctx, v.app, p)
		if err != nil {
			return wayIn(err)
		}
		machines = append(machines, found...)
	}
	var codes []int
	for _, m := range machines {
		if err := work(v.server.conn, m); err != nil {
			if ctx.Err() != nil || len(machines) == 1 {
				return wayIn(err)
			}
			codes = append(codes, v.app.Tell(ctx, wayIn(err)))
		}
	}
	switch {
	case codes == nil:
		return nil
	case len(codes) < len(machines):
		return cli.Told(cli.Partly)
	}
	return cli.Told(codes[0])
}

// A vsphereLine is a machine of VMware.
type vsphereLine struct {
	Type       string            `json:"type"`
	Path       string            `json:"path"`
	UUID       string            `json:"instance_uuid"`
	Reference  string            `json:"moref"`
	Power      string            `json:"power_state"`
	Host       string            `json:"host"`
	Tracking   bool              `json:"changed_block_tracking"`
	Template   bool              `json:"template"`
	Attributes map[string]string `json:"custom_attributes"`
}

func (v *vsphereCLI) lsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ls [PATTERN…]",
		Short: "List VMware's machines",
		Long: `List VMware's machines: all of them, or those that a PATTERN names, as backup's source vsphere:PATTERN does: a path
/DC/vm/folder/NAME, one with * ? [, a folder, a name alone, or an instance UUID.`,
		Example: `vbackup vsphere ls --server vcenter.example.org --user backup@vsphere.local
vbackup vsphere ls --server esx1 --user root --thumbprint AA:BB:… --json 'web*'`,
		RunE: func(cmd *cobra.Command, args []string) error { return v.ls(cmd.Context(), args) },
	}
}

func (v *vsphereCLI) ls(ctx context.Context, patterns []string) error {
	defer v.server.close()
	conn, err := v.server.login(ctx, v.app)
	if err != nil {
		return wayIn(err)
	}
	all, err := conn.Machines(ctx)
	if err != nil {
		return wayIn(err)
	}
	if len(patterns) > 0 {
		all = nil
		for _, p := range patterns {
			found, err := v.server.find(ctx, v.app, p)
			if err != nil {
				return wayIn(err)
			}
			all = append(all, found...)
		}
	}
	t := v.app.Table("PATH", "POWER", "CBT", "HOST", "INSTANCE UUID")
	for _, m := range all {
		if v.app.Flags.JSON {
			if err := v.app.Line(vsphereLine{"machine", m.Path, m.UUID, m.Ref.Value, m.Power, m.Host, m.Tracking, m.Template, m.Attributes}); err != nil {
				return err
			}
			continue
		}
		power := m.Power
		if m.Template {
			power = "template"
		}
		t.Row(m.Path, power, onOff(m.Tracking), m.Host, m.UUID)
	}
	if !v.app.Flags.JSON {
		return t.Print()
	}
	return v.app.Line(struct {
		Type     string `json:"type"`
		Machines int    `json:"machines"`
	}{"summary", len(all)})
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
