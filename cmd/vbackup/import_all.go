package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
)

// all imports one point after the other. One that fails does not keep the others from it; when the repository is what
// fails, the machine's other points would fail, too.
func (i *importing) all(ctx context.Context, repo *index.Repository, troves []trove) error {
	start := time.Now()
	for _, t := range troves {
		i.passedOver(t)
		for _, p := range t.finds {
			if ctx.Err() != nil { // after a point that was made all the same
				return ctx.Err()
			}
			err := i.point(ctx, repo, i.of(t), p)
			if err == nil {
				continue
			}
			if ctx.Err() != nil {
				return err
			}
			i.failed++
			name := fmt.Sprintf("%s@%s", i.of(t), p.time.Format(index.TimeLayout))
			i.total.Failed = append(i.total.Failed, name)
			i.codes = append(i.codes, i.app.Tell(ctx, mend(fmt.Errorf("%s (%s): %w", name, strings.Join(p.Files(), ", "), err))))
			if !bad(err) {
				break
			}
		}
	}
	if err := i.sum(time.Since(start)); err != nil {
		return err
	}
	switch {
	case i.codes == nil:
		return nil
	case len(i.total.Points)+i.there+i.planned > 0:
		return cli.Told(cli.Partly)
	case slices.Min(i.codes) == slices.Max(i.codes):
		return cli.Told(i.codes[0])
	}
	return cli.Told(cli.Failed)
}

// passedOver says what of a directory is no backup, or none that is wanted.
func (i *importing) passedOver(t trove) {
	for _, note := range t.notes {
		i.app.Say("%s: %s", t.dir, note)
	}
	for _, folder := range t.leftOut {
		i.app.Warn("%s: left out: %s: --include-incomplete takes it", t.dir, folder)
		i.leftOut = append(i.leftOut, folder)
	}
}

// point imports one, unless it is there. One that lacks disks is imported again when they can be read now.
func (i *importing) point(ctx context.Context, repo *index.Repository, machine string, p find) error {
	points, err := repo.Points(ctx)
	if err != nil {
		return err
	}
	points = slices.DeleteFunc(points, func(m *format.Manifest) bool { return m.MachineName != machine })
	if m := p.In(points); m != nil {
		if m.Complete() {
			return i.skip(m)
		}
		if err := p.Still(ctx, m); err != nil {
			return errors.Join(unreadable{err}, i.skip(m))
		}
	}
	if i.dryRun {
		return i.tell(ctx, machine, p)
	}
	return i.capture(ctx, repo, machine, p)
}
