package libvirt

import (
	"context"

	"vbfs/hyper/libvirt"
	"vbfs/hyper/qemu"
	"vbfs/ingest"
)

// Rehearse tells what Take would do, disk by disk, and does nothing. What only the beginning of a job shows, as a bitmap that is
// broken, it cannot know of a domain that runs.
func (m *Machine) Rehearse(ctx context.Context, w ingest.Wish) ([]ingest.Plan, error) {
	dom, err := m.conn.Domain(ctx, m.domain)
	if err != nil {
		return nil, err
	}
	h := &hold{m: m, w: w, dom: dom}
	if h.state, err = dom.State(ctx); err != nil {
		return nil, err
	}
	if h.state == libvirt.ShutOff {
		if err := m.near(dom); err != nil {
			return nil, err
		}
	}
	f, err := h.facts(ctx)
	if err != nil {
		return nil, err
	}
	var out []ingest.Plan
	for _, p := range plan(f, w, m.o.Skip) {
		if h.state == libvirt.ShutOff {
			h.look(ctx, &p)
		}
		out = append(out, ingest.Plan{
			Disk: p.Target, Source: p.Source, Size: p.size, Skip: p.skip, Changes: p.since != "", Fallback: p.fallback,
		})
	}
	return out, nil
}

// look asks the image of a domain at rest whether it has what the plan counts on. What cannot be looked at is as planned.
func (h *hold) look(ctx context.Context, p *planned) {
	path, err := h.path(ctx, p.Disk)
	if err != nil || p.since == "" {
		return
	}
	info, err := qemu.Inspect(ctx, qemu.Image{Path: path, Format: p.Format})
	if err != nil {
		return
	}
	if why := untold(info, p.since); why != "" {
		p.since, p.fallback = "", why
	}
}
