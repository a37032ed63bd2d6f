package objecttest_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"vbfs/index/object"
	"vbfs/index/object/objecttest"
)

func TestCrashLives(t *testing.T) {
	objecttest.Test(t, func(*testing.T) object.Store { return objecttest.NewCrash(objecttest.NewMemory(), 0) })
}

// TestCrashAtEveryOperation replaces one object by another and dies at each operation of it.
func TestCrashAtEveryOperation(t *testing.T) {
	m := objecttest.NewMemory()
	objecttest.MustPut(t, m, "old", []byte("old"))
	work := func(c *objecttest.Crash) error {
		if err := object.PutBytes(t.Context(), c, "new", []byte("new")); err != nil {
			return err
		}
		return c.Delete(t.Context(), "old")
	}
	whole := objecttest.NewCrash(m, 0)
	if err := work(whole); err != nil {
		t.Fatal(err)
	}
	// put, write, commit, delete
	want := []string{"[old]", "[old]", "[old]", "[new old]"}
	var got []string
	for n := range whole.Ops() {
		c := objecttest.NewCrash(m, n+1)
		if err := work(c); !errors.Is(err, objecttest.ErrCrashed) {
			t.Errorf("operation %d: got error %v", n+1, err)
		}
		got = append(got, fmt.Sprint(objecttest.Names(t, c.Survivor(), "")))
	}
	if !slices.Equal(got, want) {
		t.Errorf("survivors: got %q, want %q", got, want)
	}
	if left := objecttest.Names(t, whole.Survivor(), ""); !slices.Equal(left, []string{"new"}) {
		t.Errorf("without a crash: %q", left)
	}
	if left := objecttest.Names(t, m, ""); !slices.Equal(left, []string{"old"}) {
		t.Errorf("the store that it began with: %q", left)
	}
}
