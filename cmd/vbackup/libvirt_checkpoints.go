package main

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	hyper "vbfs/hyper/libvirt"
)

// ownMark is the name of a checkpoint of ours: of a repository and of a point.
var ownMark = regexp.MustCompile(`^vbfs-([0-9a-f]{32})-([0-9a-f]{32})$`)

// A checkpointLine is a checkpoint of a domain.
type checkpointLine struct {
	Type       string    `json:"type"`
	Name       string    `json:"name"`
	Parent     string    `json:"parent,omitempty"`
	Time       time.Time `json:"time"`
	Disks      []string  `json:"disks"`
	Repository string    `json:"repository,omitempty"` // whose it is; none is another program's
	Point      string    `json:"point,omitempty"`      // whose instant it keeps
	Removed    bool      `json:"removed"`
}

func (l *libvirtCLI) checkpointsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "checkpoints DOMAIN",
		Short: "List a machine's checkpoints, or remove those of backups",
		Long: `List a machine's checkpoints: what libvirt keeps track of its changes by, for increments. With --remove those that backups of
this program made, into whatever repository, are removed: virsh undefine refuses a domain that has some. The next backup
reads everything. Those of other programs stay.`,
		Example: `vbackup libvirt checkpoints web01
vbackup libvirt checkpoints web01 --remove`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return l.with(cmd.Context(), func(conn *hyper.Conn) error { return l.checkpoints(cmd.Context(), conn, args[0]) })
		},
	}
	cmd.Flags().BoolVar(&l.remove, "remove", false, "remove those that backups of this program made")
	return cmd
}

func (l *libvirtCLI) checkpoints(ctx context.Context, conn *hyper.Conn, name string) error {
	domain, err := conn.Domain(ctx, name)
	if err != nil {
		return err
	}
	all, err := domain.Checkpoints(ctx)
	if err != nil {
		return err
	}
	var told []checkpointLine
	for _, c := range all {
		line := checkpointLine{Type: "checkpoint", Name: c.Name, Parent: c.Parent, Time: c.Created.UTC(), Disks: append([]string{}, c.Disks...)}
		if m := ownMark.FindStringSubmatch(c.Name); m != nil {
			line.Repository, line.Point = m[1], m[2]
		}
		if l.remove && line.Repository != "" {
			if err := domain.DeleteCheckpoint(ctx, c.Name); err != nil {
				return cli.Hint(err, "libvirt removes checkpoints of running machines alone: start it, or undefine it with --checkpoints-metadata")
			}
			line.Removed = true
		}
		told = append(told, line)
	}
	return l.tellCheckpoints(told)
}

func (l *libvirtCLI) tellCheckpoints(all []checkpointLine) error {
	t, removed := l.app.Table("TIME", "OF", "DISKS", "NAME"), 0
	for _, c := range all {
		if c.Removed {
			removed++
		}
		if l.app.Flags.JSON {
			if err := l.app.Line(c); err != nil {
				return err
			}
			continue
		}
		t.Row(c.Time.Format(time.RFC3339), c.of(), strings.Join(c.Disks, ","), c.Name)
	}
	if !l.app.Flags.JSON {
		return t.Print()
	}
	return l.app.Line(struct {
		Type        string `json:"type"`
		Checkpoints int    `json:"checkpoints"`
		Removed     int    `json:"removed"`
	}{"summary", len(all), removed})
}

// of says whose a checkpoint is.
func (c checkpointLine) of() string {
	switch {
	case c.Repository == "":
		return "another program"
	case c.Removed:
		return "repository " + c.Repository[:8] + ", removed"
	}
	return "repository " + c.Repository[:8]
}
