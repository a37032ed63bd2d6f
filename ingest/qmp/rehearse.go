package qmp

import (
	"context"
	"fmt"

	"vbfs/hyper/qmp"
	"vbfs/ingest"
)

// Rehearse tells what Take would do with each disk, and does nothing.
func (m *Machine) Rehearse(ctx context.Context, w ingest.Wish) ([]ingest.Plan, error) {
	s := &shot{m: m, w: w, link: &link{m: m}}
	defer s.link.close()
	c, err := s.link.client(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.untouched(ctx, c); err != nil {
		return nil, err
	}
	if s.facts, err = learn(ctx, c); err != nil {
		return nil, err
	}
	if err := s.choose(ctx, c); err != nil {
		return nil, err
	}
	var out []ingest.Plan
	for _, d := range s.all {
		p := ingest.Plan{Disk: d.name, Source: d.origin, Skip: d.skip, Changes: d.base != "", Fallback: d.fallback}
		if d.skip == "" {
			p.Size = d.node.Image.Size
		}
		out = append(out, p)
	}
	return out, nil
}

// untouched tells whether no run has its hands in QEMU: what it makes there hides what would be planned for.
func (m *Machine) untouched(ctx context.Context, c *qmp.Client) error {
	seen := map[string]string{}
	if err := inQEMU(ctx, c, seen); err != nil {
		return err
	}
	if len(seen) > 0 {
		return fmt.Errorf("monitor %s: a run is under way, or was killed: a backup undoes what it left, a rehearsal does not", m.socket)
	}
	return nil
}
