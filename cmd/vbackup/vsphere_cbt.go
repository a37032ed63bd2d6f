package main

import (
	"context"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	hyper "vbfs/hyper/vsphere"
)

func (v *vsphereCLI) cbtCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cbt",
		Short: "Switch machines' changed block tracking, or tell of it",
		Long: `Switch machines' changed block tracking (CBT) on or off, begin it anew, or tell of it. It lets increments read nothing but what
changed. It is switched only on machines without snapshots, because a tracking that is begun with one is incomplete, and nobody
says so. On a running machine it begins with the next snapshot; reset makes two.`,
		Example: `vbackup vsphere cbt enable --server vcenter.example.org --user backup@vsphere.local /DC/vm/prod`,
	}
	for _, c := range []struct {
		name, short, example string
		work                 func(context.Context, *hyper.Conn, hyper.Entry) error
	}{
		{"enable", "Switch changed block tracking on", "vbackup vsphere cbt enable --server vcenter --user backup /DC/vm/web01", v.enable},
		{"disable", "Switch changed block tracking off: the next backup reads everything", "vbackup vsphere cbt disable --server vcenter --user backup /DC/vm/web01", v.disable},
		{"reset", "Begin changed block tracking anew: the next backup reads everything", "vbackup vsphere cbt reset --server vcenter --user backup /DC/vm/web01", v.reset},
		{"info", "Tell of machines' changed block tracking, disk by disk", "vbackup vsphere cbt info --server vcenter --user backup /DC/vm/web01", v.info},
	} {
		cmd.AddCommand(&cobra.Command{
			Use: c.name + " MACHINE…", Short: c.short, Example: c.example, Args: cobra.MinimumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return v.each(cmd.Context(), args, func(conn *hyper.Conn, m hyper.Entry) error { return c.work(cmd.Context(), conn, m) })
			},
		})
	}
	return cmd
}

func (v *vsphereCLI) enable(ctx context.Context, conn *hyper.Conn, e hyper.Entry) error {
	return v.set(ctx, conn, e, true)
}
func (v *vsphereCLI) disable(ctx context.Context, conn *hyper.Conn, e hyper.Entry) error {
	return v.set(ctx, conn, e, false)
}

func (v *vsphereCLI) set(ctx context.Context, conn *hyper.Conn, e hyper.Entry, on bool) error {
	m, err := conn.Machine(ctx, e.Ref)
	if err != nil {
		return err
	}
	if m.Tracking != on {
		if err := conn.SetTracking(ctx, m, on); err != nil {
			return err
		}
	}
	return v.told(e, on)
}

func (v *vsphereCLI) reset(ctx context.Context, conn *hyper.Conn, e hyper.Entry) error {
	if err := conn.ResetTracking(ctx, e.Ref); err != nil {
		return err
	}
	return v.told(e, true)
}

// A trackingLine is how a machine's tracking is now.
type trackingLine struct {
	Type     string `json:"type"`
	Path     string `json:"path"`
	Tracking bool   `json:"changed_block_tracking"`
}

func (v *vsphereCLI) told(e hyper.Entry, on bool) error {
	if v.app.Flags.JSON {
		return v.app.Line(trackingLine{"tracking", e.Path, on})
	}
	return v.app.Result("%s: changed block tracking is %s", e.Path, onOff(on))
}

// A diskTrackingLine is a disk's tracking.
type diskTrackingLine struct {
	Type      string `json:"type"`
	Path      string `json:"path"`
	Disk      string `json:"disk"`
	Size      int64  `json:"size_bytes"`
	Mark      string `json:"change_id"` // "" is: not tracked
	File      string `json:"file"`
	Snapshots int    `json:"snapshots"`
}

func (v *vsphereCLI) info(ctx context.Context, conn *hyper.Conn, e hyper.Entry) error {
	m, err := conn.Machine(ctx, e.Ref)
	if err != nil {
		return err
	}
	if !v.app.Flags.JSON {
		support := ""
		if !m.Trackable {
			support = ", and cannot be had: " + m.Hardware
		}
		if err := v.app.Result("%s: changed block tracking is %s%s, %d snapshots", e.Path, onOff(m.Tracking), support, len(m.Snapshots)); err != nil {
			return err
		}
	}
	t := v.app.Table("DISK", "SIZE", "CHANGE ID", "FILE")
	for _, d := range m.Disks {
		if v.app.Flags.JSON {
			if err := v.app.Line(diskTrackingLine{"disk", e.Path, d.Name, d.Capacity, d.Mark, d.File, len(m.Snapshots)}); err != nil {
				return err
			}
			continue
		}
		mark := d.Mark
		if mark == "" {
			mark = "-"
		}
		t.Row(d.Name, cli.Size(d.Capacity), mark, d.File)
	}
	if v.app.Flags.JSON {
		return nil
	}
	return t.Print()
}
