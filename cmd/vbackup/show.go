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
				notes, err := repo.Notes(cmd.Context())
				if err != nil {
					return err
				}
				verified, err := repo.VerifiedAt(cmd.Context())
				if err != nil {
					return err
				}
				if app.Flags.JSON {
					return app.Line(wholeLine(p, notes[p.Point], verified[p.Point]))
				}
				return show(app, p, notes[p.Point], verified[p.Point])
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

func wholeLine(p *format.Manifest, f format.Facts, verified time.Time) showLine {
	l := showLine{
		pointLine{"point", report.Of(p).With(f, verified)}, p.Machine.String(), p.Sequence, p.Asked, p.Start.UTC(), p.End.UTC(), p.Host, p.Tool,
		append([]string{}, p.Hypervisor...), []showFile{},
	}
	for _, c := range p.Configs {
		l.Configs = append(l.Configs, showFile{c.Kind, c.Name, len(c.Data)})
	}
	return l
}

func show(app *cli.App, p *format.Manifest, f format.Facts, verified time.Time) error {
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
		{"copy of", copyOf(p)},
		{"hypervisor", strings.Join(p.Hypervisor, ", ")},
		{"tags", strings.Join(p.Tags, ", ")},
		{"protected", protection(f)},
		{"anomaly", anomaly(p, f)},
		{"damaged", f.Damaged},
		{"known to be whole", whole(verified)},
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

func protection(f format.Facts) string {
	switch {
	case f.Doubtful && f.Protected:
		return "yes, in doubt: a note on the point is damaged"
	case f.Protected:
		return "yes"
	}
	return ""
}

func anomaly(p *format.Manifest, f format.Facts) string {
	if f.Accepted {
		return p.Anomaly + " (accepted)"
	}
	return p.Anomaly
}

// whole says as of when a point is known to be whole.
func whole(verified time.Time) string {
	if verified.IsZero() {
		return "no: not all of it was read since it was made, or damage was found"
	}
	return "as of " + cli.Instant(verified)
}

// copyOf names the origin of a copy.
func copyOf(p *format.Manifest) string {
	if p.OriginPoint.IsZero() {
		return ""
	}
	return fmt.Sprintf("point %v of repository %v", p.OriginPoint, p.OriginRepo)
}

func showDisk(t *cli.Table, d *format.Disk) {
	if !d.HasImage() {
		t.Row("disk "+d.Name, d.State+": "+d.Reason)
		return
	}
	t.Row("disk "+d.Name, fmt.Sprintf("%s (%d bytes) from %s", cli.Size(d.Size), d.Size, d.Source))
	t.Row("", fmt.Sprintf("read %s, changed %s, new %s, stored %s", cli.Size(d.Read), cli.Size(d.Changed), cli.Size(d.New),
		cli.Size(d.Stored)))
	if d.Tracking != "" {
		t.Row("", fmt.Sprintf("change tracking: %s, %s of what it calls unchanged compared", d.Tracking, cli.Size(d.Audited)))
	}
	if d.Fallback != "" {
		t.Row("", "read in full: "+d.Fallback)
	}
	if d.State != format.DiskOK {
		t.Row("", d.State+": "+d.Reason)
	}
}
