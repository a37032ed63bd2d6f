package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"vbfs/index/format"
	"vbfs/index/object"
)

// Points lists all points by machine name, then time. The manifests are summaries: without maps and configuration.
// They are shared: do not change them. A point whose manifest is damaged is listed when the catalog knows it, else it is
// left out: Damaged tells of it.
func (r *Repository) Points(ctx context.Context) ([]*format.Manifest, error) {
	points, _, err := r.list(ctx)
	return points, err
}

// Damaged lists the manifests that Points left out, with what is wrong with them.
func (r *Repository) Damaged(ctx context.Context) ([]error, error) {
	_, damaged, err := r.list(ctx)
	return damaged, err
}

func (r *Repository) list(ctx context.Context) (out []*format.Manifest, damaged []error, err error) {
	var infos []object.Info
	for info, err := range r.store.List(ctx, pointsFolder) {
		if err != nil {
			return nil, nil, fmt.Errorf("list points: %w", err)
		}
		infos = append(infos, info)
	}
	found := make([]*format.Manifest, len(infos))
	broken := make([]error, len(infos))
	if err := r.summarize(ctx, infos, found, broken); err != nil {
		return nil, nil, err
	}
	for i := range infos {
		if broken[i] != nil {
			damaged = append(damaged, broken[i])
		} else if found[i] != nil {
			out = append(out, found[i])
		}
	}
	slices.SortFunc(out, byMachineAndTime)
	return out, damaged, nil
}

// summarize finds the summary of each point, on all cores: thousands of them are read before the first answer.
func (r *Repository) summarize(ctx context.Context, infos []object.Info, found []*format.Manifest, broken []error) error {
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), 1+len(infos)/sharedOut) {
		g.Go(func() error {
			for i := next.Add(1) - 1; i < int64(len(infos)); i = next.Add(1) - 1 {
				m, err := r.summary(ctx, infos[i])
				if unreadable(err) { // one of a later release does not hide the others, either
					broken[i] = err
				} else if err != nil {
					return err
				}
				found[i] = m
			}
			return ctx.Err()
		})
	}
	return g.Wait()
}

// sharedOut is from how many points on it pays to read them on several cores.
const sharedOut = 100

func byMachineAndTime(a, b *format.Manifest) int {
	return cmp.Or(cmp.Compare(a.MachineName, b.MachineName), a.Time.Compare(b.Time), cmp.Compare(a.Name, b.Name))
}

// summary gives the summary of a manifest that was listed: from memory, else from the catalog, else by opening it. It is
// nil for a void, and for a point that was forgotten since it was listed.
func (r *Repository) summary(ctx context.Context, info object.Info) (*format.Manifest, error) {
	id, err := parsePointName(info.Name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", info.Name, err)
	}
	r.mu.Lock()
	m, void := r.summaries[id], r.voids[id]
	r.mu.Unlock()
	if m != nil || void {
		return m, nil
	}
	if info.Size > format.SealedEmpty { // the catalog may know a point that a void, which is empty, kept from being
		m = r.catalogued(id)
	}
	if m == nil {
		full, err := r.openManifest(ctx, info.Name)
		if errors.Is(err, object.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if full != nil {
			m = full.Summary()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if m == nil {
		r.voids[id] = true
	} else {
		r.summaries[id] = m
	}
	return m, nil
}

// catalogued gives a summary from the table's catalog, nil when it is not there or does not open.
func (r *Repository) catalogued(id format.UUID) *format.Manifest {
	if r.table == nil {
		return nil
	}
	sealed, ok := r.table.Point(id)
	if !ok {
		return nil
	}
	body, err := r.ring.OpenSummary(id, sealed)
	if err != nil {
		return nil
	}
	var m format.Manifest
	if m.Unmarshal(body) != nil || m.Point != id {
		return nil
	}
	return &m
}

// openManifest reads the object called name: nil for a void.
func (r *Repository) openManifest(ctx context.Context, name string) (*format.Manifest, error) {
	b, err := object.GetAll(ctx, r.store, name, format.MaxSealed)
	if err != nil {
		return nil, fmt.Errorf("read point: %w", err)
	}
	e, err := format.ParseEnvelope(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if e.Kind == format.KindVoid {
		_, err := r.ring.Open(format.KindVoid, name, b)
		return nil, err
	}
	body, err := r.ring.Open(format.KindManifest, name, b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var m format.Manifest
	if err := m.Unmarshal(body); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if pointName(r.ring.Tag(m.Machine), m.Point) != name {
		return nil, fmt.Errorf("%s holds point %v of another machine: %w", name, m.Point, ErrCorrupt)
	}
	return &m, nil
}

// Point reads the whole manifest of a point: of what Points listed, say. ErrNoPoint when it was forgotten meanwhile.
func (r *Repository) Point(ctx context.Context, summary *format.Manifest) (*format.Manifest, error) {
	m, err := r.openManifest(ctx, pointName(r.ring.Tag(summary.Machine), summary.Point))
	if errors.Is(err, object.ErrNotExist) || err == nil && m == nil {
		return nil, fmt.Errorf("%s@%s: %w", summary.MachineName, summary.Name, ErrNoPoint)
	}
	return m, err
}
