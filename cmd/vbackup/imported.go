package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/ingest"
)

// capture imports a point that is not there.
func (i *importing) capture(ctx context.Context, repo *index.Repository, machine string, p find) error {
	for {
		if i.waitLock {
			if err := i.wait(ctx, repo, machine); err != nil {
				return err
			}
		}
		start := time.Now()
		m, err := i.once(ctx, repo, machine, p)
		if i.waitLock && errors.Is(err, index.ErrLocked) {
			continue
		}
		if m == nil {
			return err
		}
		for _, w := range m.Warnings {
			i.app.Warn("%s@%s: %s", m.MachineName, m.Name, w)
		}
		o := outcome{point: m, took: time.Since(start)}
		i.alarm(ctx, &o)
		i.codes = append(i.codes, o.codes...)
		i.total.made(m)
		return errors.Join(err, i.count(&o))
	}
}

func (i *importing) once(ctx context.Context, repo *index.Repository, machine string, p find) (m *format.Manifest, err error) {
	var progress ingest.Progress
	work := cli.Work{Name: machine, Total: progress.Total.Load, Done: progress.Done.Load}
	err = i.app.During(work, func() (err error) {
		m, err = ingest.Run(ctx, repo, ingest.Options{
			Machine: machine, Level: p.level, Tool: i.app.Tool(), Host: hostname(), Tags: append(p.Tags(), i.tags...), Source: p.foreign,
			Workers: i.workers, Rate: int64(i.rate), Progress: &progress,
		})
		return err
	})
	return m, err
}

// skip tells of a point that is there already.
func (i *importing) skip(m *format.Manifest) error {
	i.there++
	if i.app.Flags.JSON {
		return i.app.Line(skipLine{"skipped", m.Point.String(), m.MachineName, m.Name, m.Point.String()})
	}
	i.app.Say("%s@%s is there already", m.MachineName, m.Name)
	return nil
}

// A plannedImport is what a dry run tells of a point.
type plannedImport struct {
	Type    string    `json:"type"`
	Machine string    `json:"machine"`
	Time    time.Time `json:"time"`
	Level   string    `json:"level"`
	Files   []string  `json:"files"`
}

// tell says what would be imported. Data is not looked at.
func (i *importing) tell(ctx context.Context, machine string, p find) error {
	if err := p.Look(ctx); err != nil {
		return unreadable{err}
	}
	i.planned++
	if i.app.Flags.JSON {
		return i.app.Line(plannedImport{"plan", machine, p.time, p.level, p.Files()})
	}
	return i.app.Result("%s: would import %s, %s, from %s", machine, p.time.Format(index.TimeLayout), p.level, strings.Join(p.Files(), ", "))
}

// importTotals is what a run of import came to.
type importTotals struct {
	totals
	There   int      `json:"points_skipped"` // that were there already
	LeftOut []string `json:"left_out"`       // backups that are not whole, and why
}

// sum ends the run.
func (i *importing) sum(took time.Duration) error {
	if i.app.Flags.JSON {
		t := importTotals{i.total, i.there, append([]string{}, i.leftOut...)}
		t.Type, t.Seconds = "summary", took.Seconds()
		t.Points, t.Failed = append([]string{}, t.Points...), append([]string{}, t.Failed...) // [], not null
		return i.app.Line(t)
	}
	if i.app.Flags.Quiet || i.dryRun {
		return nil
	}
	return i.app.Result("imported %d points, %d were there, %d failed, in %s", len(i.total.Points), i.there, i.failed, cli.Took(took))
}
