package index_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"testing"

	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/object/objecttest"
)

// A scene is a repository in memory with one point, and the disk of the next.
type scene struct {
	memory      *objecttest.Memory
	first, next []byte
}

func newScene(t *testing.T) scene {
	t.Helper()
	s := scene{memory: objecttest.NewMemory(), first: make([]byte, 20<<20+9)}
	if err := index.Init(t.Context(), s.memory, index.InitOptions{NoEncryption: true, Compression: "lz4"}); err != nil {
		t.Fatal(err)
	}
	rnd := seeded(5)
	churn(rnd, s.first, 30)
	if _, err := putDisk(t.Context(), openIn(t, s.memory), "m", s.first, nil, nil); err != nil {
		t.Fatal(err)
	}
	s.next = bytes.Clone(s.first)
	churn(rnd, s.next, 12)
	return s
}

func openIn(t *testing.T, s object.Store) *index.Repository {
	t.Helper()
	repo, err := index.Open(context.Background(), s, index.OpenOptions{Table: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repo.Close() })
	return repo
}

// endSessions is what the next backup does about writers that are dead; here the process lives on, so it is told.
func endSessions(t *testing.T, repo *index.Repository) {
	t.Helper()
	sessions, err := repo.Sessions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sessions {
		if err := repo.Break(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

// afterwards checks what must hold however a backup of s.next ended: what was there is whole, a point that was
// acknowledged is there, the next backup succeeds, and no block is stored twice.
func (s scene) afterwards(t *testing.T, m *objecttest.Memory, acknowledged bool) {
	t.Helper()
	repo := openIn(t, m)
	endSessions(t, repo)
	points, err := repo.Points(t.Context())
	if err != nil || len(points) < 1 || acknowledged && len(points) != 2 {
		t.Fatalf("%d points, acknowledged %v, %v", len(points), acknowledged, err)
	}
	if _, err := putDisk(t.Context(), repo, "m", s.next, nil, nil); err != nil {
		t.Fatalf("next backup: %v", err)
	}
	if points, err = repo.Points(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, p := range points {
		want := s.next
		if i == 0 {
			want = s.first
		}
		full, err := repo.Point(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		im, err := repo.Image(full, "vda")
		if err != nil {
			t.Fatal(err)
		}
		checkImage(t, im, want)
	}
	problems, err := repo.Verify(t.Context(), index.VerifyOptions{ReadData: func(format.PackID) bool { return true }})
	if err != nil || len(problems) > 0 {
		t.Fatalf("verify: %d problems, %v", len(problems), err)
	}
}

func noBlockTwice(t *testing.T, repo *index.Repository) {
	t.Helper()
	ids, err := repo.StoredBlocks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for id, n := range ids {
		if n > 1 {
			t.Fatalf("block %v is stored %d times", id, n)
		}
	}
}

func TestCrashAtEveryOperation(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	whole := objecttest.NewCrash(s.memory, 0)
	if _, err := putDisk(t.Context(), openIn(t, whole), "m", s.next, nil, nil); err != nil {
		t.Fatal(err)
	}
	for n := int64(1); n <= whole.Ops(); n++ {
		crash := objecttest.NewCrash(s.memory, n)
		repo, err := index.Open(t.Context(), crash, index.OpenOptions{Table: t.TempDir()})
		if err == nil {
			_, err = putDisk(t.Context(), repo, "m", s.next, nil, nil)
			repo.Close()
		}
		survivor := crash.Survivor()
		s.afterwards(t, survivor, err == nil)
		noBlockTwice(t, openIn(t, survivor))
	}
}

// What a crash leaves in the table is no point: not while its session lives, and not when it was ended.
func TestCrashedPointsAreNotInTheCatalog(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	whole := objecttest.NewCrash(s.memory, 0)
	if _, err := putDisk(t.Context(), openIn(t, whole), "m", s.next, nil, nil); err != nil {
		t.Fatal(err)
	}
	for n := int64(1); n <= whole.Ops(); n++ {
		tables := index.OpenOptions{Table: t.TempDir()}
		crash := objecttest.NewCrash(s.memory, n)
		if repo, err := index.Open(t.Context(), crash, tables); err == nil {
			putDisk(t.Context(), repo, "m", s.next, nil, nil)
			repo.Close()
		}
		repo, err := index.Open(t.Context(), crash.Survivor(), tables)
		if err != nil {
			t.Fatal(err)
		}
		defer repo.Close()
		endSessions(t, repo)
		if _, err := putDisk(t.Context(), repo, "m", s.next, nil, nil); err != nil {
			t.Fatalf("operation %d: the next backup: %v", n, err)
		}
		points, err := repo.Points(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range points {
			if _, err := repo.Point(t.Context(), p); err != nil {
				t.Fatalf("operation %d: a point is listed that is none: %v", n, err)
			}
		}
	}
}

// An operation that fails once, before or after it did its work, ends in an error or in a point, never in both.
func TestFaultAtEveryOperation(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	whole := objecttest.NewCrash(s.memory, 0)
	if _, err := putDisk(t.Context(), openIn(t, whole), "m", s.next, nil, nil); err != nil {
		t.Fatal(err)
	}
	for _, act := range []objecttest.Act{{Before: syscall.EIO}, {After: syscall.EIO}, {Before: syscall.ENOSPC}} {
		for n := int64(1); n <= whole.Ops(); n++ {
			memory := s.memory.Clone()
			var ops atomic.Int64
			var failed objecttest.Verb
			store := objecttest.NewFault(memory, func(op objecttest.Op) objecttest.Act {
				if ops.Add(1) == n {
					failed = op.Verb
					return act
				}
				return objecttest.Act{}
			})
			repo, err := index.Open(t.Context(), store, index.OpenOptions{Table: t.TempDir()})
			if err == nil {
				_, err = putDisk(t.Context(), repo, "m", s.next, nil, nil)
				repo.Close()
			}
			if err != nil && errors.Is(err, index.ErrCorrupt) {
				t.Fatalf("operation %d: %v is told as damage", n, err)
			}
			s.afterwards(t, memory, err == nil)
			if failed != objecttest.Get && failed != objecttest.Stat { // a trailer that cannot be read makes its blocks misses: that costs space
				noBlockTwice(t, openIn(t, memory))
			}
		}
	}
}

// A writer whose session was ended while it was stopped cannot commit when it wakes up.
func TestBrokenSessionCannotCommit(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	repo := openIn(t, s.memory)
	w, err := repo.Begin(t.Context(), index.BeginOptions{Machine: "m"})
	if err != nil {
		t.Fatal(err)
	}
	d, err := w.Disk(format.Disk{ID: "vda", Name: "vda", Size: int64(len(s.next))}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := fill(t.Context(), w, d, s.next, nil); err != nil {
		t.Fatal(err)
	}
	endSessions(t, openIn(t, s.memory))
	if _, err := w.Commit(t.Context()); !errors.Is(err, index.ErrBroken) {
		t.Fatalf("commit: %v", err)
	}
	if err := w.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.afterwards(t, s.memory, false)
}

func TestOneWriterAMachine(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	repo := openIn(t, s.memory)
	w, err := repo.Begin(t.Context(), index.BeginOptions{Machine: "m"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort(t.Context())
	if _, err := repo.Begin(t.Context(), index.BeginOptions{Machine: "m"}); !errors.Is(err, index.ErrLocked) {
		t.Errorf("second writer of a machine: %v", err)
	}
	other, err := repo.Begin(t.Context(), index.BeginOptions{Machine: "other"})
	if err != nil {
		t.Fatalf("writer of another machine: %v", err)
	}
	other.Abort(t.Context())
}
