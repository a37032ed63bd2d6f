package index

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"vbfs/index/format"
	"vbfs/index/imagemap"
	"vbfs/index/object"
)

// VerifyOptions says what is verified. The zero value is the structure of everything: keys, manifests, maps, digests,
// and that the packs are there and their trailers whole.
type VerifyOptions struct {
	Points   []*format.Manifest         // nil is all, and what no point names
	ReadData func(p format.PackID) bool // packs of which every byte is read; nil is none
	Progress *Progress
}

// A Problem is one thing that is damaged or missing.
type Problem struct {
	Object string // name
	What   error
	Hurts  []Hurt // empty: no point
}

// A Hurt is a range of bytes of a disk that cannot be read because of a problem. Where a whole manifest is damaged, Disk
// is empty, and Machine too when the catalog does not know whose it was.
type Hurt struct {
	Machine, Name string
	Point         format.UUID
	Disk          string
	Off, Len      int64
}

// Verify finds what is damaged and whom it hurts. The error is of what hinders the verification itself. Packs come
// first, so that the walk over the maps that follows knows what each bad one hurts.
func (r *Repository) Verify(ctx context.Context, o VerifyOptions) ([]*Problem, error) {
	if o.Progress == nil {
		o.Progress = new(Progress)
	}
	v := &verifier{
		r: r, o: o, maps: imagemap.NewCache(nodesCache), known: map[nodePlace]known{}, bad: map[format.PackID]*badPack{},
	}
	steps := []func(context.Context) error{v.loadPoints, v.findUsed, v.verifyPacks, v.walkMaps}
	if o.Points == nil {
		steps = []func(context.Context) error{v.verifySmall, v.loadPoints, v.listPacks, v.verifyPacks, v.walkMaps}
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return v.problems, err
		}
	}
	return v.problems, nil
}

// A verifier is one verification on its way.
type verifier struct {
	r      *Repository
	o      VerifyOptions
	points []*format.Manifest // whole
	packs  map[format.PackID]bool
	maps   *imagemap.Cache // of its own: what was read before the damage does not count
	known  map[nodePlace]known

	mu       sync.Mutex // guards all below
	problems []*Problem
	bad      map[format.PackID]*badPack
}

// A badPack is what of a pack cannot be read: all of it, or some slots.
type badPack struct {
	all   *Problem
	slots map[uint16]*Problem
}

func (v *verifier) add(name string, err error) *Problem {
	v.mu.Lock()
	defer v.mu.Unlock()
	p := &Problem{Object: name, What: err}
	v.problems = append(v.problems, p)
	return p
}

// verifySmall reads the objects that are neither packs nor points. Of keys, those that opened the repository are known
// to be whole; the others are not yet.
func (v *verifier) verifySmall(ctx context.Context) error {
	read := map[string]func(ctx context.Context, name string) error{
		keysFolder: func(ctx context.Context, name string) error { _, err := readSlot(ctx, v.r.store, name); return err },
		keyringFolder: func(ctx context.Context, name string) error {
			b, err := object.GetAll(ctx, v.r.store, name, maxSmall)
			if err == nil {
				_, err = format.ParseEnvelope(b)
			}
			return err
		},
		sessionsFolder: func(ctx context.Context, name string) error { _, err := v.r.session(ctx, name); return err },
		pendingFolder: func(ctx context.Context, name string) error {
			b, err := object.GetAll(ctx, v.r.store, name, format.MaxSealed)
			if err == nil {
				_, err = v.r.ring.Open(format.KindPending, name, b)
			}
			return err
		},
	}
	for folder, f := range read {
		for info, err := range v.r.store.List(ctx, folder) {
			if err != nil {
				return fmt.Errorf("list %s: %w", folder, err)
			}
			if err := f(ctx, info.Name); err != nil && !errors.Is(err, object.ErrNotExist) {
				v.add(info.Name, err)
			}
		}
	}
	return v.verifyTable(ctx)
}

// verifyTable reads the table when data is read, too. It is a cache: what is wrong with it hurts no point.
func (v *verifier) verifyTable(ctx context.Context) error {
	if v.r.table == nil || v.o.ReadData == nil {
		return ctx.Err()
	}
	damaged, err := v.r.table.Verify(ctx)
	for _, name := range damaged {
		v.add("table/"+name, fmt.Errorf("segment is damaged, which rebuild-table mends: %w", ErrCorrupt))
	}
	return err
}

// loadPoints opens the manifests.
func (v *verifier) loadPoints(ctx context.Context) error {
	for _, p := range v.o.Points {
		m, err := v.r.Point(ctx, p)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				return err
			}
			v.badPoint(pointName(v.r.ring.Tag(p.Machine), p.Point), p.Point, err)
			continue
		}
		v.points = append(v.points, m)
	}
	if v.o.Points != nil {
		return nil
	}
	for info, err := range v.r.store.List(ctx, pointsFolder) {
		if err != nil {
			return fmt.Errorf("list points: %w", err)
		}
		m, err := v.r.openManifest(ctx, info.Name)
		switch {
		case errors.Is(err, object.ErrNotExist):
		case err != nil:
			id, _ := parsePointName(info.Name)
			v.badPoint(info.Name, id, err)
		case m != nil:
			v.points = append(v.points, m)
		}
	}
	return ctx.Err()
}

// badPoint records a manifest that does not open; the catalog may still know whose it was.
func (v *verifier) badPoint(name string, id format.UUID, err error) {
	h := Hurt{Point: id}
	if m := v.r.catalogued(id); m != nil {
		h.Machine, h.Name = m.MachineName, m.Name
	}
	p := v.add(name, err)
	p.Hurts = append(p.Hurts, h)
}
