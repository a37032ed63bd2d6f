package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/report"
)

func showCommand(app *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:   "show POINT",
		Short: "Tell everything known of a point",
		Long: `Tell everything known of a point. A POINT is MACHINE (its newest complete point), MACHINE@latest,
MACHINE@2026-11-20T20-03-27Z (exactly that one), MACHINE@2026-11-19 or an RFC 3339 instant (the newest until then), or
MACHINE@ID with the first 8 digits or more of its ID.`,
		Example: `vbackup show -r /srv/backup web01
vbackup show -r /srv/backup web01@2026-11-19 --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.WithRepository(cmd.Context(), 0, func(repo *index.Repository) error {
				p, err := cli.Point(cmd.Context(), repo, index.ParseSelector(args[0]))
				if err != nil {
					return err
				}
				if app.Flags.JSON {
					return app.Line(wholeLine(p))
				}
				return show(app, p)
			})
		},
	}
}

// A showLine is a point in JSON with what lists leave out.
type showLine struct {
	pointLine
	MachineID  string     `json:"machine_id"`
	Sequence   uint64     `json:"sequence"`
	Asked      string     `json:"level_asked"`
	Start      time.Time  `json:"started"`
	End        time.Time  `json:"ended"`
	Host       string     `json:"host"`
	Tool       string     `json:"tool"`
	Hypervisor []string   `json:"hypervisor"`
	Configs    []showFile `json:"configs"`
}

type showFile struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	Size int    `json:"size_bytes"`
}

func wholeLine(p *format.Manifest) showLine {
	l := showLine{
		pointLine{"point", report.Of(p)}, p.Machine.String(), p.Sequence, p.Asked, p.Start.UTC(), p.End.UTC(), p.Host, p.Tool,
		append([]string{}, p.Hypervisor...), []showFile{},
	}
	for _, c := range p.Configs {
		l.Configs = append(l.Configs, showFile{c.Kind, c.Name, len(c.Data)})
	}
	return l
}

func show(app *cli.App, p *format.Manifest) error {
	t := app.Table("POINT", p.MachineName+"@"+p.Name)
	for _, row := range [][2]string{
		{"ID", p.Point.String()},
		{"machine ID", p.Machine.String()},
		{"time", cli.Instant(p.Time)},
		{"captured", fmt.Sprintf("%s to %s", cli.Instant(p.Start), cli.Instant(p.End))},
		{"number", fmt.Sprint(p.Sequence)},
		{"level", fmt.Sprintf("%s (asked: %s)", p.Done, p.Asked)},
		{"consistency", p.Consistency},
		{"made by", p.Tool + " on " + p.Host},
		{"hypervisor", strings.Join(p.Hypervisor, ", ")},
		{"tags", strings.Join(p.Tags, ", ")},
	} {
		if row[1] != "" {
			t.Row(row[0], row[1])
		}
	}
	for _, c := range p.Configs {
		t.Row("configuration", fmt.Sprintf("%s (%s, %s)", c.Name, c.Kind, cli.Size(int64(len(c.Data)))))
	}
	for _, w := range p.Warnings {
		t.Row("warning", w)
	}
	for i := range p.Disks {
		showDisk(t, &p.Disks[i])
	}
	return t.Print()
}

func showDisk(t *cli.Table, d *format.Disk) {
	t.Row("disk "+d.Name, fmt.Sprintf("%s (%d bytes) from %s", cli.Size(d.Size), d.Size, d.Source))
	t.Row("", fmt.Sprintf("read %s, changed %s, new %s, stored %s", cli.Size(d.Read), cli.Size(d.Changed), cli.Size(d.New),
		cli.Size(d.Stored)))
	if d.Tracking != "" {
		t.Row("", "change tracking: "+d.Tracking)
	}
	if d.Fallback != "" {
		t.Row("", "read in full: "+d.Fallback)
	}
	if d.State != format.DiskOK {
		t.Row("", d.State+": "+d.Reason)
	}
}
