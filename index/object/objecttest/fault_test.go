package objecttest_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"syscall"
	"testing"
	"time"

	"vbfs/index/object"
	"vbfs/index/object/objecttest"
)

var errInjected = errors.New("injected")

func pass(objecttest.Op) objecttest.Act { return objecttest.Act{} }

// on returns a hook that does one thing to one verb.
func on(verb objecttest.Verb, act objecttest.Act) objecttest.Hook {
	return func(op objecttest.Op) objecttest.Act {
		if op.Verb == verb {
			return act
		}
		return objecttest.Act{}
	}
}

func TestFaultPasses(t *testing.T) {
	objecttest.Test(t, func(*testing.T) object.Store { return objecttest.NewFault(objecttest.NewMemory(), pass) })
}

func TestFaultOnLocal(t *testing.T) {
	objecttest.Test(t, func(t *testing.T) object.Store {
		l, err := object.OpenLocal(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return objecttest.NewTrace(objecttest.NewFault(l, pass))
	})
}

// use does one of each verb to a store that holds "old" and returns the first error.
func use(t *testing.T, s object.Store) error {
	if err := object.PutBytes(t.Context(), s, "new", []byte("content")); err != nil {
		return err
	}
	if _, err := object.GetAll(t.Context(), s, "old", 100); err != nil {
		return err
	}
	for _, err := range s.List(t.Context(), "") {
		if err != nil {
			return err
		}
	}
	if err := s.Delete(t.Context(), "old"); err != nil {
		return err
	}
	u, err := s.PutIfAbsent(t.Context(), "dropped")
	if err != nil {
		return err
	}
	return u.Abort()
}

// TestFaultErrors tells what is left in the store when each verb fails before or after its deed.
func TestFaultErrors(t *testing.T) {
	before, after := objecttest.Act{Before: errInjected}, objecttest.Act{After: errInjected}
	for _, c := range []struct {
		verb objecttest.Verb
		act  objecttest.Act
		left []string
	}{
		{objecttest.Put, before, []string{"old"}},
		{objecttest.Put, after, []string{"old"}},
		{objecttest.Write, before, []string{"old"}},
		{objecttest.Write, after, []string{"old"}},
		{objecttest.Commit, before, []string{"old"}},
		{objecttest.Commit, after, []string{"new", "old"}},
		{objecttest.Stat, before, []string{"new", "old"}},
		{objecttest.Stat, after, []string{"new", "old"}},
		{objecttest.Get, before, []string{"new", "old"}},
		{objecttest.Get, after, []string{"new", "old"}},
		{objecttest.List, before, []string{"new", "old"}},
		{objecttest.List, after, []string{"new", "old"}},
		{objecttest.Delete, before, []string{"new", "old"}},
		{objecttest.Delete, after, []string{"new"}},
		{objecttest.Abort, before, []string{"new"}},
		{objecttest.Abort, after, []string{"new"}},
	} {
		m := objecttest.NewMemory()
		objecttest.MustPut(t, m, "old", []byte("x"))
		if err := use(t, objecttest.NewFault(m, on(c.verb, c.act))); !errors.Is(err, errInjected) {
			t.Errorf("%s %+v: got error %v", c.verb, c.act, err)
		}
		if got := objecttest.Names(t, m, ""); !slices.Equal(got, c.left) {
			t.Errorf("%s %+v: left %q, want %q", c.verb, c.act, got, c.left)
		}
	}
}

func TestFaultCuts(t *testing.T) {
	m := objecttest.NewMemory()
	for _, name := range []string{"a", "b", "c"} {
		objecttest.MustPut(t, m, name, []byte("content"))
	}
	p := make([]byte, 7)
	cut := objecttest.Act{Cut: true, Keep: 2}
	err := objecttest.NewFault(m, on(objecttest.Get, cut)).Get(t.Context(), "a", p, 0)
	if !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.Equal(p, []byte("co\x00\x00\x00\x00\x00")) {
		t.Errorf("cut get: %q, %v", p, err)
	}
	if got := objecttest.Names(t, objecttest.NewFault(m, on(objecttest.List, cut)), ""); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("cut list: %q", got)
	}
	u, err := objecttest.NewFault(m, on(objecttest.Write, cut)).PutIfAbsent(t.Context(), "d")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := u.Write([]byte("content")); n != 2 || !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("cut write: %d, %v", n, err)
	}
	if err := u.Commit(); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("commit after a cut write: %v", err)
	}
}

func TestFaultFull(t *testing.T) {
	f := objecttest.NewFault(objecttest.NewMemory(), objecttest.Full(10))
	objecttest.MustPut(t, f, "a", make([]byte, 8))
	if err := object.PutBytes(t.Context(), f, "b", make([]byte, 3)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("put into a full store: %v", err)
	}
	if got := objecttest.Names(t, f, ""); !slices.Equal(got, []string{"a"}) {
		t.Errorf("left %q", got)
	}
}

func TestFaultDelays(t *testing.T) {
	start := time.Now()
	f := objecttest.NewFault(objecttest.NewMemory(), on(objecttest.Commit, objecttest.Act{Delay: 20 * time.Millisecond}))
	objecttest.MustPut(t, f, "a", nil)
	if d := time.Since(start); d < 20*time.Millisecond {
		t.Errorf("took %v", d)
	}
}
