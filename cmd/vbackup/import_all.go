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
	"vbfs/ingest"
	"vbfs/ingest/virtnbd"
)

// all imports one point after the other. One that fails does not keep the others from it; when the repository is what
// fails, the set's other points would fail, too.
func (i *importing) all(ctx context.Context, repo *index.Repository, sets []*virtnbd.Set) error {
	start := time.Now()
	for _, s := range sets {
		for _, note := range s.Notes {
			i.app.Say("%s: %s", s.Dir, note)
		}
		for _, p := range s.Points {
			err := i.point(ctx, repo, i.of(s), p)
			if ctx.Err() != nil {
				return err
			}
			if err == nil {
				continue
			}
			i.failed++
			name := fmt.Sprintf("%s@%s", i.of(s), p.Time.Format(index.TimeLayout))
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

// mend says what to do about an error of the set.
func mend(err error) error {
	switch {
	case errors.Is(err, virtnbd.ErrUnsure), errors.Is(err, virtnbd.ErrTooLarge):
		return cli.Hint(err, "restore it with virtnbdrestore, and take what comes out with: vbackup backup DISK=FILE")
	case errors.Is(err, virtnbd.ErrDamaged), errors.Is(err, virtnbd.ErrMissing):
		return cli.Hint(err, "put another copy of the file in its place, and import again: what is there is left out")
	}
	return err
}

// bad tells errors of the set from those of the repository.
func bad(err error) bool {
	return errors.Is(err, ingest.ErrSource) || errors.Is(err, virtnbd.ErrDamaged) || errors.Is(err, virtnbd.ErrMissing) ||
		errors.Is(err, virtnbd.ErrUnsure) || errors.Is(err, virtnbd.ErrTooLarge)
}

// point imports one, unless it is there. One that lacks disks is imported again when they can be read now.
func (i *importing) point(ctx context.Context, repo *index.Repository, machine string, p *virtnbd.Point) error {
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
			return errors.Join(err, i.skip(m))
		}
	}
	if i.dryRun {
		return i.tell(ctx, machine, p)
	}
	return i.capture(ctx, repo, machine, p)
}
