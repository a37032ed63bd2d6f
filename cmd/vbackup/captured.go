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

// made counts a point.
func (t *totals) made(p *format.Manifest) {
	t.Points = append(t.Points, p.Point.String())
	for i := range p.Disks {
		t.add(&p.Disks[i])
	}
}

// tell tells what became of a machine.
func (f *fleet) tell(ctx context.Context, o *outcome) {
	if o.point != nil {
		f.remarks(o.point)
		if err := f.count(o); err != nil {
			o.codes = append(o.codes, f.app.Tell(ctx, err))
		}
		f.alarm(ctx, o)
	}
	if w := o.machine.whole; w != nil && w.asks != nil && w.asks.err != nil {
		o.notes = append(o.notes, w.asks.err.Error())
		o.codes = append(o.codes, f.app.Tell(ctx, cli.Exit(fmt.Errorf("%s: %w", o.machine, w.asks.err), cli.Partly, "set the attribute anew in the inventory")))
	}
	if o.err != nil && ctx.Err() == nil { // else it was interrupted
		o.codes = append(o.codes, f.app.Tell(ctx, wayIn(fmt.Errorf("%s: %w", o.machine, o.err))))
	}
}

// count tells what a point came to.
func (b *backup) count(o *outcome) error {
	p, sum := o.point, o.sum()
	if b.app.Flags.JSON {
		return b.app.Line(pointLine{"point", report.Of(p)})
	}
	if b.app.Flags.Quiet {
		return nil
	}
	return b.app.Result("%s@%s  %s, read %s, changed %s, new %s, stored %s, in %s", p.MachineName, p.Name, p.Done,
		cli.Size(sum.Read), cli.Size(sum.Changed), cli.Size(sum.New), cli.Size(sum.Stored), cli.Took(o.took))
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
func (b *backup) alarm(ctx context.Context, o *outcome) {
	p := o.point
	if p.Anomaly == "" {
		return
	}
	err := fmt.Errorf("%s@%s is %w: %s", p.MachineName, p.Name, cli.ErrAnomaly, p.Anomaly)
	if b.failOdd {
		o.codes = append(o.codes, b.app.Tell(ctx, err))
		return
	}
	b.app.Warn("%v: see that nobody has encrypted the files before older points expire", err)
}

// summary ends the JSON lines.
func (b *backup) summary(outcomes []outcome, took time.Duration) error {
	if !b.app.Flags.JSON {
		return nil
	}
	t := totals{Type: "summary", Points: []string{}, Failed: []string{}, Seconds: took.Seconds()} // [], not null
	for i := range outcomes {
		o := &outcomes[i]
		if o.point != nil {
			t.made(o.point)
		}
		if o.err != nil {
			t.Failed = append(t.Failed, o.machine.String())
		}
	}
	return b.app.Line(t)
}
