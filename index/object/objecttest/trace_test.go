package objecttest_test

import (
	"testing"

	"vbfs/index/object"
	"vbfs/index/object/objecttest"
)

func TestTracePasses(t *testing.T) {
	objecttest.Test(t, func(*testing.T) object.Store { return objecttest.NewTrace(objecttest.NewMemory()) })
}

func TestTraceLines(t *testing.T) {
	const pack, point = "packs/3f/3f0123456789abcd", "points/tag-00112233445566778899/6ba7b810-9dad-11d1-80b4-00c04fd430c8"
	s := objecttest.NewTrace(objecttest.NewMemory())
	objecttest.MustPut(t, s, pack, []byte("content"))
	objecttest.MustPut(t, s, point, nil)
	object.PutBytes(t.Context(), s, pack, []byte("other"))
	object.GetAll(t.Context(), s, pack, 100)
	s.Get(t.Context(), point, make([]byte, 4), 2)
	objecttest.Names(t, s, "packs")
	objecttest.Names(t, s, "")
	s.Delete(t.Context(), "config")
	if u, err := s.PutIfAbsent(t.Context(), "gc/10"); err == nil {
		u.Write([]byte("x"))
		u.Abort()
	}
	want := `put packs/xx/#1 7
put points/tag-#2/#3 0
put packs/xx/#1 5: exists
stat packs/xx/#1
get packs/xx/#1 0+7
get points/tag-#2/#3 2+4: error
list packs 1
list . 2
delete config: absent
abort gc/10 1
`
	if got := s.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	s.Reset()
	s.Stat(t.Context(), point)
	if got := s.String(); got != "stat points/tag-#2/#3\n" {
		t.Errorf("after a reset: %q", got)
	}
}
