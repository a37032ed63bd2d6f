package object_test

import (
	"testing"

	"vbfs/index/object"
	"vbfs/index/object/objecttest"
)

func openLocal(t *testing.T, dir string) *object.Local {
	t.Helper()
	l, err := object.OpenLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func TestLocal(t *testing.T) {
	objecttest.Test(t, func(t *testing.T) object.Store { return openLocal(t, t.TempDir()) })
}
