package libvirt

import (
	"context"

	"vbfs/ingest"
)

// Rehearse tells what Take would do, disk by disk, and does nothing. What only the beginning of a job shows, as a bitmap that is
// broken, it cannot know.
func (m *Machine) Rehearse(ctx context.Context, w ingest.Wish) ([]ingest.Plan, error) {
	dom, err := m.conn.Domain(ctx, m.domain)
	if err != nil {
		return nil, err
	}
	h := &hold{m: m, w: w, dom: dom}
	f, err := h.facts(ctx)
	if err != nil {
		return nil, err
	}
	var out []ingest.Plan
	for _, p := range plan(f, w, m.o.Skip) {
		out = append(out, ingest.Plan{
			Disk: p.Target, Source: p.Source, Size: p.size, Skip: p.skip, Changes: p.since != "", Fallback: p.fallback,
		})
	}
	return out, nil
}
