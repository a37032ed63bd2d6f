package index

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"vbfs/index/format"
	"vbfs/index/imagemap"
	"vbfs/index/object"
	"vbfs/index/pack"
)

// VerifyOptions says what is verified. The zero value is the structure of everything: keys, manifests, maps, digests,
// and that the packs are there and their trailers whole.
type VerifyOptions struct {
	Points   []*format.Manifest         // nil is all, and what no point names
	ReadData func(p format.PackID) bool // packs and bundles of which every byte is read; nil is none
	Share    float64                    // this share of the bytes is read, too: what was verified least recently; 1 is all
	Progress *Progress
}

// reading tells whether any data is read.
func (o *VerifyOptions) reading() bool { return o.ReadData != nil || o.Share > 0 }

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

// Verify finds what is damaged and whom it hurts, and records what was found whole. The error is of what hinders the
// verification itself, or ErrUnrecorded when all was verified. Packs come first, so that the walk over the maps that
// follows knows what each bad one hurts.
func (r *Repository) Verify(ctx context.Context, o VerifyOptions) ([]*Problem, error) {
	v := newVerifier(r, o)
	if err := v.run(ctx); err != nil {
		v.recordPart(ctx) // what could not be recorded will be read again
		return v.problems, err
	}
	return v.problems, v.record(ctx)
}

func newVerifier(r *Repository, o VerifyOptions) *verifier {
	if o.Progress == nil {
		o.Progress = new(Progress)
	}
	return &verifier{
		r: r, o: o, maps: imagemap.NewCache(nodesCache), known: map[nodePlace]known{}, bad: map[format.PackID]*badPack{},
		start: time.Now(), stored: map[format.PackID]*storedObject{}, walked: map[format.UUID]instant{},
		closed: map[format.PackID]bool{}, good: map[format.PackID]time.Time{}, damaged: map[format.PackID]time.Time{},
	}
}

// run does all but to record what was found.
func (v *verifier) run(ctx context.Context) error {
	v.r.packs.ForgetAll() // what was read before the damage does not count
	steps := []func(context.Context) error{v.remember, v.loadPoints, v.listStored, v.findUsed, v.choose, v.verifyPacks, v.recall, v.walkMaps}
	if v.o.Points == nil {
		steps = []func(context.Context) error{v.remember, v.verifySmall, v.loadPoints, v.choose, v.verifyPacks, v.recall, v.walkMaps}
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// A verifier is one verification on its way.
type verifier struct {
	r      *Repository
	o      VerifyOptions
	start  time.Time
	points []*format.Manifest // whole
	maps   *imagemap.Cache    // of its own: what was read before the damage does not count
	known  map[nodePlace]known

	stored   map[format.PackID]*storedObject // packs and bundles that are there
	replaced map[format.PackID]*pack.Reader  // damaged packs of which bundles have all that was named so far: the reader of those
	marked   map[*Problem]bool               // of slots that repair marked
	moves    *pack.Moves
	before   *verifiedRecord           // the record that counted at the start
	stamps   map[format.PackID]instant // of packs and bundles, when the maps are walked
	walked   map[format.UUID]instant   // points whose maps were walked: as of when they are whole, never when they are not

	doubt  bool // damage was found by the walk over the maps
	partly bool // it did not come to its end

	mu       sync.Mutex // guards all below
	problems []*Problem
	bad      map[format.PackID]*badPack
	closed   map[format.PackID]bool      // packs that do not open, of which bundles have some slots
	good     map[format.PackID]time.Time // packs and bundles: when they began to be read
	damaged  map[format.PackID]time.Time
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
