package main

import (
	"context"

	"github.com/spf13/cobra"

	hyper "vbfs/hyper/libvirt"
)

// A domainLine is a domain of libvirt.
type domainLine struct {
	Type  string `json:"type"`
	Name  string `json:"name"`
	UUID  string `json:"uuid"`
	State string `json:"state"`
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
	t := l.app.Table("NAME", "STATE", "UUID")
	for _, d := range domains {
		state, err := d.State(ctx)
		if err != nil {
			return err
		}
		if l.app.Flags.JSON {
			if err := l.app.Line(domainLine{"domain", d.Name(), d.UUID(), string(state)}); err != nil {
				return err
			}
			continue
		}
		t.Row(d.Name(), string(state), d.UUID())
	}
	if !l.app.Flags.JSON {
		return t.Print()
	}
	return l.app.Line(struct {
		Type    string `json:"type"`
		Domains int    `json:"domains"`
	}{"summary", len(domains)})
}
