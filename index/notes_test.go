package index_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/object/objecttest"
)

// factsOf gives what is noted of a point, as someone sees it who opens the repository now.
func factsOf(t *testing.T, s object.Store, point format.UUID) format.Facts {
	t.Helper()
	notes, err := openIn(t, s).Notes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return notes[point]
}

// firstPoint gives the scene's point.
func (s scene) firstPoint(t *testing.T) *format.Manifest {
	t.Helper()
	points, err := openIn(t, s.memory).Points(t.Context())
	if err != nil || len(points) != 1 {
		t.Fatalf("%d points, %v", len(points), err)
	}
	return points[0]
}

// The last note of a kind counts, whoever else wrote what; a store that deletes nothing says the same.
func TestLastNoteOfAKindCounts(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.firstPoint(t).Point
	keeps := func(op objecttest.Op) (a objecttest.Act) {
		if op.Verb == objecttest.Delete {
			a.Before = errors.New("objects are locked")
		}
		return a
	}
	for _, test := range []struct {
		name  string
		store object.Store
		left  int
	}{
		{"tidy", s.memory.Clone(), 4},
		{"append-only", objecttest.NewFault(s.memory.Clone(), keeps), 7},
	} {
		repo := openIn(t, test.store)
		for i, n := range []struct {
			kind, value string
			want        format.Facts
		}{
			{format.NoteProtected, format.NoteYes, format.Facts{Protected: true}},
			{format.NoteDamaged, "vda", format.Facts{Protected: true, Damaged: "vda"}},
			{format.NoteProtected, "", format.Facts{Damaged: "vda"}},
			{format.NoteAnomaly, format.NoteAccepted, format.Facts{Damaged: "vda", Accepted: true}},
			{format.NoteDamaged, "", format.Facts{Accepted: true}},
			{"of a later release", "x", format.Facts{Accepted: true}},
			{format.NoteProtected, format.NoteYes, format.Facts{Accepted: true, Protected: true}},
		} {
			if err := repo.AddNote(t.Context(), p, n.kind, n.value); err != nil {
				t.Fatal(err)
			}
			here, err := repo.Notes(t.Context())
			if err != nil || here[p] != n.want || factsOf(t, test.store, p) != n.want {
				t.Fatalf("%s: after note %d: %+v, %v, not %+v", test.name, i, here[p], err, n.want)
			}
		}
		if n := count(t, test.store, "notes"); n != test.left {
			t.Errorf("%s: %d notes are left, not %d", test.name, n, test.left)
		}
	}
}

// A writer that finds its number taken takes the next one, and nothing of either is lost.
func TestWritersOfNotesCompete(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.firstPoint(t).Point
	other := openIn(t, s.memory)
	faster := 3
	slow := objecttest.NewFault(s.memory, func(op objecttest.Op) (a objecttest.Act) {
		if op.Verb == objecttest.Commit && faster > 0 {
			faster--
			if err := other.AddNote(t.Context(), p, fmt.Sprintf("kind %d", faster), format.NoteYes); err != nil {
				t.Error(err)
			}
		}
		return a
	})
	if err := openIn(t, slow).AddNote(t.Context(), p, format.NoteProtected, format.NoteYes); err != nil {
		t.Fatal(err)
	}
	if n := count(t, s.memory, "notes"); n != 4 || !factsOf(t, s.memory, p).Protected {
		t.Errorf("%d notes of 4, %+v", n, factsOf(t, s.memory, p))
	}
}

// A note that a newer one replaces between its listing and its reading does not make the point look as if it had none.
func TestNoteReplacedWhileRead(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.firstPoint(t).Point
	writer := openIn(t, s.memory)
	if err := writer.AddNote(t.Context(), p, format.NoteProtected, format.NoteYes); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	slow := objecttest.NewFault(s.memory, func(op objecttest.Op) (a objecttest.Act) {
		if op.Verb == objecttest.Stat && strings.HasPrefix(op.Name, "notes/") {
			once.Do(func() {
				if err := writer.AddNote(t.Context(), p, format.NoteProtected, format.NoteYes); err != nil {
					t.Error(err)
				}
			})
		}
		return a
	})
	if f := factsOf(t, slow, p); !f.Protected {
		t.Errorf("%+v", f)
	}
}

// What of a note cannot be read leaves its point in doubt; what cannot be asked for is an error.
func TestNotesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.firstPoint(t).Point
	if err := openIn(t, s.memory).AddNote(t.Context(), p, format.NoteDamaged, "vda"); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("notes/%v/00000001", p)
	whole, err := object.GetAll(t.Context(), s.memory, name, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	doubt := format.Facts{Protected: true, Doubtful: true}
	for i := range whole {
		broken := s.memory.Clone()
		b := append([]byte{}, whole...)
		b[i] ^= 0x40
		broken.Replace(name, b)
		if f := factsOf(t, broken, p); f != doubt {
			t.Errorf("byte %d: %+v", i, f)
		}
	}
	for _, b := range [][]byte{nil, whole[:20], make([]byte, 1<<20)} {
		broken := s.memory.Clone()
		broken.Replace(name, b)
		if f := factsOf(t, broken, p); f != doubt {
			t.Errorf("%d bytes: %+v", len(b), f)
		}
		if err := openIn(t, broken).AddNote(t.Context(), p, format.NoteProtected, ""); err != nil {
			t.Error(err)
		}
		if f := factsOf(t, broken, p); f.Protected || !f.Doubtful {
			t.Errorf("%d bytes, and no protection since: %+v", len(b), f)
		}
	}
	moved := s.memory.Clone()
	moved.Replace("notes/"+strings.Repeat("0", 31)+"1/00000001", whole)
	moved.Replace("notes/junk", nil)
	moved.Replace(fmt.Sprintf("notes/%v/1", p), whole)
	problems, err := openIn(t, moved).Verify(t.Context(), index.VerifyOptions{})
	if err != nil || len(problems) != 3 {
		t.Errorf("%d problems, %v", len(problems), err)
	}
	if f := factsOf(t, moved, p); f != (format.Facts{Damaged: "vda"}) {
		t.Errorf("beside junk: %+v", f)
	}
	mute := objecttest.NewFault(s.memory, func(op objecttest.Op) (a objecttest.Act) {
		if op.Verb == objecttest.Get && op.Name == name {
			a.Before = io.ErrNoProgress
		}
		return a
	})
	if _, err := openIn(t, mute).Notes(t.Context()); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a store that does not answer: %v", err)
	}
}

// A note that says it is sealed under a key that there is not is damaged as any other.
func TestNoteOfAnUnknownKey(t *testing.T) {
	t.Parallel()
	b := newBench(t, index.InitOptions{})
	m := b.put("m", make([]byte, 1<<16), nil, nil)
	if err := b.repo.AddNote(t.Context(), m.Point, format.NoteDamaged, "vda"); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(b.dir, "notes", m.Point.String(), "00000001")
	note, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	note[12] ^= 0x40
	if err := os.WriteFile(file, note, 0o600); err != nil {
		t.Fatal(err)
	}
	b.open(true)
	if notes, err := b.repo.Notes(t.Context()); err != nil || !notes[m.Point].Protected {
		t.Errorf("%+v, %v", notes[m.Point], err)
	}
}

func TestNotesAreRefused(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.firstPoint(t).Point
	repo := openIn(t, s.memory)
	if err := repo.AddNote(t.Context(), p, "", "x"); err == nil {
		t.Error("a note of no kind")
	}
	if err := repo.AddNote(t.Context(), p, "x", strings.Repeat("x", format.MaxNote+1)); err == nil {
		t.Error("a note too long")
	}
	s.memory.Replace("features/ro-x", nil)
	if err := repo.AddNote(t.Context(), p, "x", "x"); !errors.Is(err, index.ErrNewer) {
		t.Error(err)
	}
	if n := count(t, s.memory, "notes"); n != 0 {
		t.Errorf("%d notes", n)
	}
}
