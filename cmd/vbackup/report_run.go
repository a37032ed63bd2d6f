package main

import (
	"context"
	"errors"
	"time"

	"vbfs/cmd/internal/cli"
)

// run captures, and writes down what became of it, whatever that is: an old report that says that all is well would be worse than none.
func (b *backup) run(ctx context.Context, args []string) error {
	defer b.whole.close()
	if err := b.checkReports(); err != nil {
		return err
	}
	start := time.Now().UTC()
	outcomes, err := b.capturePlanned(ctx, args)
	if b.reports == nil && !b.ofMany() {
		return err
	}
	if b.dryRun {
		if err == nil {
			b.app.Say("%s", finalStatus(dryStatus))
		}
		return err
	}
	return b.conclude(ctx, b.reportOn(outcomes, start, err), err)
}

func (b *backup) checkReports() error {
	if b.dryRun && b.reports != nil {
		return cli.Usage("--report: a dry run has nothing to report")
	}
	return b.reports.check(b.app.Flags.JSON)
}

// ofMany tells whether the run is of machines that something else than its arguments chose.
func (b *backup) ofMany() bool { return b.whole.inventory.attribute != "" || b.whole.many() }

// reportOn says what a run came to; err is what it ended with.
func (b *backup) reportOn(outcomes []outcome, start time.Time, err error) *runReport {
	r := &runReport{
		Type: "report", Tool: b.app.Tool(), Host: hostname(), Started: start, Ended: time.Now().UTC(),
		Machines: []machineReport{}, Warnings: append([]string{}, b.whole.inventory.warnings...),
	}
	for i := range outcomes {
		r.Machines = append(r.Machines, reported(&outcomes[i]))
	}
	for _, u := range b.whole.inventory.unread {
		r.Warnings, r.unread = append(r.Warnings, oneLine(u.Error())), true
	}
	if errors.Is(err, context.Canceled) {
		r.Error = interrupted
	} else if err != nil && outcomes == nil {
		r.Error = oneLine(err.Error())
	}
	r.count()
	return r
}

// conclude writes the report, and ends the log with its last line.
func (b *backup) conclude(ctx context.Context, r *runReport, err error) error {
	if failed := b.reports.write(r, b.app.Stdout()); failed != nil {
		b.app.Tell(context.WithoutCancel(ctx), failed)
		if err == nil {
			err = cli.Told(cli.Partly)
		}
	}
	b.app.Say("%s", r.Final)
	return err
}
