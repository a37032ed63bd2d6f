package qmp

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"vbfs/hyper/qmp"
	"vbfs/ingest"
	"vbfs/ingest/nbd"
)

// prepare gives QEMU the scratch files.
func (s *shot) prepare(ctx context.Context, c *qmp.Client) error {
	for _, d := range s.todo {
		if err := s.run.create(d, s.facts.process); err != nil {
			return err
		}
		err := c.Do(ctx, "blockdev-add", qmp.Args{
			"driver": "file", "node-name": s.run.scratch(d), "filename": s.run.file(d), "discard": "unmap",
			"cache": qmp.Args{"no-flush": true}, // worth nothing after a crash
		}, nil)
		if err != nil {
			return fmt.Errorf("disk %s: %w", d.name, err)
		}
	}
	return nil
}

// serve lets the disks be read as they were.
func (s *shot) serve(ctx context.Context, c *qmp.Client) error {
	present, node := s.run.view, s.run.snapshot
	if s.facts.threads {
		present, node = s.run.copied, s.run.scratch
	}
	for _, d := range s.todo {
		if err := present(ctx, c, d); err != nil {
			return fmt.Errorf("disk %s: %w", d.name, err)
		}
	}
	if err := s.listen(ctx, c); err != nil {
		return err
	}
	for _, d := range s.todo {
		args := qmp.Args{"type": "nbd", "id": s.run.export(d), "node-name": node(d), "name": s.run.export(d)}
		if d.base != "" {
			args["bitmaps"] = []qmp.Args{{"node": d.keeper, "name": s.run.frozen()}}
		}
		if err := c.Do(ctx, "block-export-add", args, nil); err != nil {
			return fmt.Errorf("disk %s: %w", d.name, err)
		}
	}
	return nil
}

// view makes a node that reads the disk as it was: what was overwritten from the scratch file, the rest from where it is.
func (r *run) view(ctx context.Context, c *qmp.Client, d *disk) error {
	d.keeper = d.node.Name
	return c.Do(ctx, "blockdev-add", qmp.Args{
		"driver": "snapshot-access", "node-name": r.snapshot(d), "file": r.filter(d), "read-only": true,
	}, nil)
}

func (s *shot) listen(ctx context.Context, c *qmp.Client) error {
	address := qmp.Args{"type": "unix", "data": qmp.Args{"path": s.run.socket()}}
	err := c.Do(ctx, "nbd-server-start", qmp.Args{"addr": address}, nil)
	var said *qmp.Error
	if errors.As(err, &said) && strings.Contains(said.Text, "already running") {
		exports, err := c.Exports(ctx)
		if err != nil {
			return err
		}
		return fmt.Errorf("monitor %s: %w (%s)", s.m.socket, ErrServer, whose(exports))
	}
	return err
}

// A source is a disk as it was at the instant. What fails of it may be the guard's doing.
type source struct {
	*nbd.Source
	guard *guard
}

var _ ingest.Source = (*source)(nil)

func (s *source) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.Source.ReadAt(p, off)
	return n, s.guard.explain(err)
}

// open connects to a disk's export.
func (s *shot) open(ctx context.Context, d *disk, changes bool) (ingest.Source, error) {
	uri := "nbd+unix:///" + s.run.export(d) + "?socket=" + url.QueryEscape(s.run.socket())
	var o nbd.Options
	if changes {
		o.Bitmaps = []string{s.run.frozen()}
	}
	src, err := nbd.Open(ctx, uri, o)
	if err != nil {
		return nil, s.guard.explain(err)
	}
	return &source{src, s.guard}, nil
}
