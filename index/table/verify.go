package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Verify hashes every segment and gives the names of the damaged ones, which propose and name nothing from then on. They
// stay until the next Merge.
func (t *Table) Verify(ctx context.Context) (damaged []string, err error) {
	if err := t.Refresh(); err != nil {
		return nil, err
	}
	c := t.acquire()
	defer t.release(c)
	if err := hashAll(ctx, c.segs); err != nil && !errors.Is(err, ErrDamaged) {
		return nil, fmt.Errorf("verify table: %w", err)
	}
	return c.damaged(), nil
}

// hashAll compares all segments with their names, marks the damaged and gives the errors of all.
func hashAll(ctx context.Context, segs []*segment) error {
	var errs []error
	for _, s := range segs {
		if err := s.verify(ctx); err != nil {
			errs = append(errs, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

// verify compares the whole file with its name.
func (s *segment) verify(ctx context.Context) error {
	name, err := nameOf(stopper{ctx, io.NewSectionReader(s.f, 0, s.info.Size())})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil && name != s.name {
		err = damaged("its bytes hash to %s", name)
	} else if err != nil {
		err = damaged("%w", err)
	}
	if err != nil {
		s.fail(err)
	}
	return err
}

// A stopper reads until its context is done.
type stopper struct {
	ctx context.Context
	r   io.Reader
}

func (s stopper) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// damaged gives the names of the segments that are known as damaged.
func (c *set) damaged() []string {
	names := slices.Clone(c.broken)
	for _, s := range c.segs {
		if !s.good() {
			names = append(names, s.name)
		}
	}
	return names
}

// sweepDamaged removes the segments that are known as damaged and lists the others again.
func (t *Table) sweepDamaged() error {
	c := t.acquire()
	names := c.damaged()
	t.release(c)
	for _, name := range names {
		if err := remove(t.dir, name); err != nil {
			return err
		}
	}
	return t.Refresh()
}
