package index_test

import (
	"errors"
	"syscall"
	"testing"

	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/object/objecttest"
)

// threePoints adds two points with a note each to a scene's one, and gives all.
func threePoints(t *testing.T, s scene) []*format.Manifest {
	t.Helper()
	repo := openIn(t, s.memory)
	for range 2 {
		if _, err := putDisk(t.Context(), repo, "m", s.next, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	points, err := repo.Points(t.Context())
	if err != nil || len(points) != 3 {
		t.Fatalf("%d points, %v", len(points), err)
	}
	for _, p := range points[1:] {
		if err := repo.AddNote(t.Context(), p.Point, format.NoteDamaged, "vda"); err != nil {
			t.Fatal(err)
		}
	}
	return points
}

// Killed at any operation, what was to stay is whole, and forgetting again ends it without a trace.
func TestForgetCrashesAnywhere(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	points := threePoints(t, s)
	whole := objecttest.NewCrash(s.memory, 0)
	if err := openIn(t, whole).Forget(t.Context(), points[0], points[1]); err != nil {
		t.Fatal(err)
	}
	for n := int64(1); n <= whole.Ops(); n++ {
		crash := objecttest.NewCrash(s.memory, n)
		if repo, err := index.Open(t.Context(), crash, index.OpenOptions{Table: t.TempDir()}); err == nil {
			err := repo.Forget(t.Context(), points[0], points[1])
			if err == nil {
				t.Fatalf("operation %d failed, and no error", n)
			}
			repo.Close()
		}
		left := crash.Survivor()
		repo := openIn(t, left)
		stays(t, repo, points[2], s.next)
		if f := factsOf(t, left, points[2].Point); f.Damaged != "vda" {
			t.Fatalf("crash at %d: a note is lost: %+v", n, f)
		}
		if err := repo.Forget(t.Context(), points[0], points[1]); err != nil {
			t.Fatalf("crash at %d: forget again: %v", n, err)
		}
		if p, err := repo.Points(t.Context()); err != nil || len(p) != 1 || count(t, left, "notes") != 1 {
			t.Fatalf("crash at %d: %d points, %d notes, %v", n, len(p), count(t, left, "notes"), err)
		}
	}
}

func stays(t *testing.T, repo *index.Repository, p *format.Manifest, want []byte) {
	t.Helper()
	m, err := repo.Point(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	im, err := repo.Image(m, "vda")
	if err != nil {
		t.Fatal(err)
	}
	checkImage(t, im, want)
}

// Forgetting needs no room, shows at once, also to who listed before, and is refused as a whole.
func TestForget(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	points := threePoints(t, s)
	if err := openIn(t, s.memory).AddNote(t.Context(), points[1].Point, format.NoteProtected, format.NoteYes); err != nil {
		t.Fatal(err)
	}
	full := objecttest.NewFault(s.memory, func(op objecttest.Op) (a objecttest.Act) {
		if op.Verb == objecttest.Put {
			a.Before = syscall.ENOSPC
		}
		return a
	})
	repo, other := openIn(t, full), openIn(t, s.memory)
	listed := func(want int) {
		t.Helper()
		for _, r := range []*index.Repository{repo, other} {
			if p, err := r.Points(t.Context()); err != nil || len(p) != want {
				t.Errorf("%d points, %v", len(p), err)
			}
		}
	}
	listed(3)
	if err := repo.Forget(t.Context(), points...); !errors.Is(err, index.ErrProtected) {
		t.Errorf("with a protected one: %v", err)
	}
	for _, class := range []string{"features/gc-x", "features/ro-x"} {
		s.memory.Replace(class, nil)
		if err := repo.Forget(t.Context(), points[0]); !errors.Is(err, index.ErrNewer) {
			t.Errorf("%s: %v", class, err)
		}
		if err := s.memory.Delete(t.Context(), class); err != nil {
			t.Fatal(err)
		}
	}
	listed(3)
	for range 2 { // the second time it is gone already
		if err := repo.Forget(t.Context(), points[0], points[2]); err != nil {
			t.Fatal(err)
		}
		listed(1)
	}
	stays(t, other, points[1], s.next)
	if _, err := other.Point(t.Context(), points[0]); !errors.Is(err, index.ErrNoPoint) {
		t.Error(err)
	}
}
