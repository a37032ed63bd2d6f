package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	hyper "vbfs/hyper/libvirt"
)

// A domainLine is a domain of libvirt.
type domainLine struct {
	Type  string       `json:"type"`
	Name  string       `json:"name"`
	UUID  string       `json:"uuid"`
	State string       `json:"state"`
	Disks []domainDisk `json:"disks"`
}

type domainDisk struct {
	Name   string `json:"name"`
	Source string `json:"source"`
	Format string `json:"format"`
}

func disksOf(d *hyper.Description) (out []domainDisk, names []string) {
	out = []domainDisk{}
	for _, disk := range d.Disks {
		if disk.Device == "disk" {
			out, names = append(out, domainDisk{disk.Target, disk.Source, disk.Format}), append(names, disk.Target)
		}
	}
	return out, names
}

func (l *libvirtCLI) lsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List libvirt's machines",
		Example: `vbackup libvirt ls
vbackup libvirt ls --connect qemu+ssh://root@kvm1/system --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return l.with(cmd.Context(), func(conn *hyper.Conn) error { return l.ls(cmd.Context(), conn) })
		},
	}
}

func (l *libvirtCLI) ls(ctx context.Context, conn *hyper.Conn) error {
	domains, err := conn.Domains(ctx)
	if err != nil {
		return err
	}
	t := l.app.Table("NAME", "STATE", "DISKS", "UUID")
	for _, d := range domains {
		state, err := d.State(ctx)
		if err != nil {
			return err
		}
		is, err := d.Describe(ctx, false)
		if err != nil {
			return err
		}
		disks, names := disksOf(is)
		if l.app.Flags.JSON {
			if err := l.app.Line(domainLine{"domain", d.Name(), d.UUID(), string(state), disks}); err != nil {
				return err
			}
			continue
		}
		t.Row(d.Name(), string(state), strings.Join(names, ","), d.UUID())
	}
	if !l.app.Flags.JSON {
		return t.Print()
	}
	return l.app.Line(struct {
		Type    string `json:"type"`
		Domains int    `json:"domains"`
	}{"summary", len(domains)})
}
