package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
)

// A tally is how the restores of a list ended.
type tally struct {
	planned, restored, partly int
	codes                     []int             // of what failed, or was done in part
	by                        map[string]string // the lines of machines that are restored, or would be
	start                     time.Time
}

// all restores the machines of a list, one after the other. One that fails does not keep the others from it.
func (r *restoring) all(ctx context.Context, to string) error {
	lines, err := r.readRestores(to)
	if err != nil {
		return err
	}
	return r.app.WithRepository(ctx, 0, func(repo *index.Repository) error {
		if strings.HasPrefix(to, toVSphere) {
			if _, err := r.vmware.begin(ctx, r.app); err != nil { // one for all
				return err
			}
		}
		t := tally{by: map[string]string{}, start: time.Now()}
		for _, l := range lines {
			one := *r
			one.where = l.where
			machine, err := one.line(ctx, repo, l, to, t)
			if ctx.Err() != nil {
				return ctx.Err() // also when this one was done by then: others are not
			}
			code := cli.Done
			if err != nil {
				code = r.app.Tell(ctx, one.at(err))
			}
			if t.count(code, r.dryRun); code == cli.Done || code == cli.Partly {
				t.by[machine] = l.where
			}
		}
		if err := r.sum(t); err != nil {
			return err
		}
		return t.verdict()
	})
}

// at says which line of a list an error is of.
func (r *restoring) at(err error) error {
	if r.where == "" || err == nil {
		return err
	}
	return fmt.Errorf("%s: %w", r.where, err)
}

// line does what a line of a list says, and gives which machine is made or restored over by it. r is its own.
func (r *restoring) line(ctx context.Context, repo *index.Repository, l restoreLine, to string, t tally) (machine string, err error) {
	if to, err = r.take(l, to); err != nil {
		return "", err
	}
	if err := r.check(to); err != nil {
		return "", err
	}
	p, err := listedPoint(ctx, repo, l.point)
	if err != nil {
		return "", err
	}
	name := cmp.Or(l.name, p.MachineName)
	machine = name
	if strings.HasPrefix(to, toFolder) {
		machine = to + "/" + name
	}
	if by := t.by[machine]; by != "" {
		return "", cli.Usage("%s is restored by %s already", name, by)
	}
	return machine, r.machineTo(ctx, repo, p, "", to)
}

func (t *tally) count(code int, dry bool) {
	switch {
	case code == cli.Partly:
		t.partly++
	case code == cli.Done && dry:
		t.planned++
	case code == cli.Done:
		t.restored++
	}
	if code != cli.Done {
		t.codes = append(t.codes, code)
	}
}

// verdict is what the list comes to: an exit code, as what failed was told.
func (t *tally) verdict() error {
	switch {
	case t.codes == nil:
		return nil
	case t.planned+t.restored+t.partly > 0:
		return cli.Told(cli.Partly)
	case slices.Min(t.codes) == slices.Max(t.codes):
		return cli.Told(t.codes[0])
	}
	return cli.Told(cli.Failed)
}

// sum ends a list, or any dry run.
func (r *restoring) sum(t tally) error {
	failed := len(t.codes) - t.partly
	switch {
	case r.where != "": // one line of it
		return nil
	case r.app.Flags.JSON:
		return r.app.Line(struct {
			Type     string  `json:"type"`
			Planned  int     `json:"planned"`
			Restored int     `json:"restored"`
			Partly   int     `json:"partly"`
			Failed   int     `json:"failed"`
			Seconds  float64 `json:"seconds"`
		}{"summary", t.planned, t.restored, t.partly, failed, time.Since(t.start).Seconds()})
	case r.dryRun:
		r.app.Say("%d machines would be restored, %d in part, %d not", t.planned, t.partly, failed)
	default:
		r.app.Say("restored %d machines, %d in part, %d failed, in %s", t.restored, t.partly, failed, cli.Took(time.Since(t.start)))
	}
	return nil
}
