package index

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/seal"
)

// maxNote bounds a note object in bytes: its value, and room for the rest.
const maxNote = format.MaxNote + 4<<10

// lastNote is the highest number of a note: 8 digits.
const lastNote = 99_999_999

// AddNote puts a note on a point: the last one of a kind counts. Two writers that compete for a number both get one, in
// some order.
func (r *Repository) AddNote(ctx context.Context, point format.UUID, kind, value string) error {
	n := &format.Note{Point: point, Kind: kind, Value: value, Time: time.Now().UTC(), Host: hostname()}
	if err := n.Validate(); err != nil {
		return err
	}
	if err := writable(ctx, r.store); err != nil {
		return err
	}
	older, err := r.listNotes(ctx, noteFolder(point))
	if err != nil {
		return err
	}
	number := 1
	if len(older) > 0 {
		number = older[len(older)-1].number + 1
	}
	for ; number <= lastNote; number++ {
		err := r.put(ctx, format.KindNote, noteName(point, number), n)
		if errors.Is(err, object.ErrExists) {
			continue // another was faster
		}
		if err != nil {
			return fmt.Errorf("store note: %w", err)
		}
		r.dropNotes(ctx, older, kind)
		return nil
	}
	return fmt.Errorf("%s has no number left", noteFolder(point))
}

// dropNotes deletes notes of a kind that a newer one took the place of. A store that lets nothing be deleted keeps them:
// they count for nothing.
func (r *Repository) dropNotes(ctx context.Context, older []noteRef, kind string) {
	for _, ref := range older {
		if n, err := r.cachedNote(ctx, ref.name); err == nil && n.Kind == kind {
			r.store.Delete(ctx, ref.name)
		}
	}
}

// noteTries is how often notes are listed anew because one of them went meanwhile.
const noteTries = 10

// Notes gives what is noted of each point that has a note. Of a note that is damaged, the point's facts say so.
func (r *Repository) Notes(ctx context.Context) (map[format.UUID]format.Facts, error) {
	for try := 1; ; try++ {
		refs, err := r.listNotes(ctx, notesFolder)
		if err != nil {
			return nil, err
		}
		out, err := r.facts(ctx, refs)
		// One that went since it was listed had a newer one put in its place before, which was not listed.
		if !errors.Is(err, object.ErrNotExist) || try == noteTries {
			return out, err
		}
	}
}

func (r *Repository) facts(ctx context.Context, refs []noteRef) (map[format.UUID]format.Facts, error) {
	out := map[format.UUID]format.Facts{}
	for _, ref := range refs {
		n, err := r.cachedNote(ctx, ref.name)
		facts := out[ref.point]
		switch {
		case err == nil:
			facts.Take(n)
		case errors.Is(err, ErrCorrupt), errors.Is(err, ErrNewer), errors.Is(err, seal.ErrKey):
			facts.Doubt()
		default:
			return nil, err
		}
		out[ref.point] = facts
	}
	return out, nil
}

// A noteRef is a note's name, taken apart.
type noteRef struct {
	name   string
	point  format.UUID
	number int
}

// listNotes gives the notes under a folder, in the order of their numbers. What is not called as a note is none: verify
// tells of it.
func (r *Repository) listNotes(ctx context.Context, folder string) (out []noteRef, err error) {
	for info, err := range r.store.List(ctx, folder) {
		if err != nil {
			return nil, fmt.Errorf("list notes: %w", err)
		}
		if ref, err := parseNoteName(info.Name); err == nil {
			out = append(out, ref)
		}
	}
	return out, nil
}

// parseNoteName takes notes/<point>/<number> apart.
func parseNoteName(name string) (ref noteRef, err error) {
	id, digits, _ := strings.Cut(strings.TrimPrefix(name, notesFolder+"/"), "/")
	point, err := format.ParseUUID(id)
	if err != nil {
		return ref, fmt.Errorf("%s: %w", name, err)
	}
	number, err := strconv.Atoi(digits)
	if err != nil || number < 1 || noteName(point, number) != name {
		return ref, fmt.Errorf("%s is no name of a note: %w", name, ErrCorrupt)
	}
	return noteRef{name, point, number}, nil
}

// cachedNote is note for what never changes. A damaged one is read again the next time.
func (r *Repository) cachedNote(ctx context.Context, name string) (*format.Note, error) {
	r.mu.Lock()
	n, ok := r.noted[name]
	r.mu.Unlock()
	if ok {
		return n, nil
	}
	n, err := r.note(ctx, name)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noted[name] = n
	return n, nil
}

// note reads the note called name.
func (r *Repository) note(ctx context.Context, name string) (*format.Note, error) {
	ref, err := parseNoteName(name)
	if err != nil {
		return nil, err
	}
	b, err := object.GetAll(ctx, r.store, name, maxNote)
	if errors.Is(err, object.ErrTooLarge) {
		return nil, fmt.Errorf("%w: %w", err, ErrCorrupt)
	}
	if err != nil {
		return nil, fmt.Errorf("read note: %w", err)
	}
	body, err := r.ring.Open(format.KindNote, name, b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var n format.Note
	if err := n.Unmarshal(body); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if n.Point != ref.point {
		return nil, fmt.Errorf("%s is about point %v: %w", name, n.Point, ErrCorrupt)
	}
	return &n, nil
}
