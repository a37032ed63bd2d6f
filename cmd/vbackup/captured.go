package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"vbfs/cmd/internal/cli"
	"vbfs/index/format"
	"vbfs/index/report"
	"vbfs/ingest"
)

// totals is what a run of backup came to.
type totals struct {
	Type    string   `json:"type"`
	Points  []string `json:"points"`
	Failed  []string `json:"failed"`
	Read    int64    `json:"read_bytes"`
	Changed int64    `json:"changed_bytes"`
	New     int64    `json:"new_bytes"`
	Stored  int64    `json:"stored_bytes"`
	Audited int64    `json:"audited_bytes"`
	Seconds float64  `json:"seconds"`
}

func (t *totals) add(d *format.Disk) {
	t.Read += d.Read
	t.Changed += d.Changed
	t.New += d.New
	t.Stored += d.Stored
	t.Audited += d.Audited
}

// report tells what became of a machine.
func (b *backup) report(p *format.Manifest, took time.Duration) error {
	b.remarks(p)
	return b.count(p, took)
}

// count tells what a point came to.
func (b *backup) count(p *format.Manifest, took time.Duration) error {
	b.total.Points = append(b.total.Points, p.Point.String())
	var sum totals
	for i := range p.Disks {
		sum.add(&p.Disks[i])
		b.total.add(&p.Disks[i])
	}
	if b.app.Flags.JSON {
		return b.app.Line(pointLine{"point", report.Of(p)})
	}
	if b.app.Flags.Quiet {
		return nil
	}
	return b.app.Result("%s@%s  %s, read %s, changed %s, new %s, stored %s, in %s", p.MachineName, p.Name, p.Done,
		cli.Size(sum.Read), cli.Size(sum.Changed), cli.Size(sum.New), cli.Size(sum.Stored), cli.Took(took))
}

// remarks says what was not as asked for, and what is wrong with the point.
func (b *backup) remarks(p *format.Manifest) {
	for _, w := range p.Warnings {
		b.app.Warn("%s: %s", p.MachineName, w)
	}
	if p.Done == ingest.Full && p.Asked != ingest.Full && p.Asked != ingest.Auto {
		b.app.Say("%s: there is no complete point to build upon: this %s is a full", p.MachineName, p.Asked)
	}
	var whole []string
	for i := range p.Disks {
		d := &p.Disks[i]
		if d.State == format.DiskSkipped {
			b.app.Say("%s: disk %s is left out: %s", p.MachineName, d.Name, d.Reason)
		} else if d.Fallback != "" {
			b.app.Say("%s: disk %s was read in full: %s", p.MachineName, d.Name, d.Fallback)
		} else if d.Tracking == "" {
			whole = append(whole, d.Name)
		}
	}
	if tracked := p.Done == ingest.Inc || p.Done == ingest.Diff; tracked && p.Asked != ingest.Auto && whole != nil {
		b.app.Say("%s: without change tracking all was read of %s", p.MachineName, strings.Join(whole, ", "))
	}
}

// alarm tells that a point is out of the ordinary: with --fail-on-anomaly as what failed.
func (b *backup) alarm(ctx context.Context, p *format.Manifest) {
	if p.Anomaly == "" {
		return
	}
	err := fmt.Errorf("%s@%s is %w: %s", p.MachineName, p.Name, cli.ErrAnomaly, p.Anomaly)
	if b.failOdd {
		b.codes = append(b.codes, b.app.Tell(ctx, err))
		return
	}
	b.app.Warn("%v: see that nobody has encrypted the files before older points expire", err)
}

// summary ends the JSON lines.
func (b *backup) summary(took time.Duration) error {
	if !b.app.Flags.JSON {
		return nil
	}
	t := b.total
	t.Type, t.Seconds = "summary", took.Seconds()
	t.Points, t.Failed = append([]string{}, t.Points...), append([]string{}, t.Failed...) // [], not null
	return b.app.Line(t)
}
