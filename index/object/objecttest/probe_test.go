package objecttest_test

import (
	"context"
	"testing"

	"vbfs/index/object"
	"vbfs/index/object/objecttest"
)

// overwriting is a store that takes every put.
type overwriting struct{ *objecttest.Memory }

func (o overwriting) PutIfAbsent(ctx context.Context, name string) (object.Upload, error) {
	u, err := o.Memory.PutIfAbsent(ctx, name)
	return overwritingUpload{u, o.Memory, name}, err
}

type overwritingUpload struct {
	object.Upload
	memory *objecttest.Memory
	name   string
}

func (u overwritingUpload) Commit() error {
	u.memory.Delete(context.Background(), u.name)
	return u.Upload.Commit()
}

func TestProbeFindsBrokenStores(t *testing.T) {
	fails := objecttest.Act{Before: errInjected}
	for what, wrap := range map[string]func(*objecttest.Memory) object.Store{
		"overwrites":    func(m *objecttest.Memory) object.Store { return overwriting{m} },
		"lists nothing": faulty(objecttest.List, objecttest.Act{Cut: true}),
		"list fails":    faulty(objecttest.List, fails),
		"put fails":     faulty(objecttest.Put, fails),
		"write fails":   faulty(objecttest.Write, fails),
		"commit fails":  faulty(objecttest.Commit, fails),
		"unsure commit": faulty(objecttest.Commit, objecttest.Act{After: errInjected}),
		"get fails":     faulty(objecttest.Get, fails),
		"delete fails":  faulty(objecttest.Delete, objecttest.Act{After: errInjected}),
	} {
		m := objecttest.NewMemory()
		if err := object.Probe(t.Context(), wrap(m)); err == nil {
			t.Errorf("%s: not found", what)
		}
		if left := objecttest.Names(t, m, ""); len(left) > 0 {
			t.Errorf("%s: left %q", what, left)
		}
	}
}

func faulty(verb objecttest.Verb, act objecttest.Act) func(*objecttest.Memory) object.Store {
	return func(m *objecttest.Memory) object.Store { return objecttest.NewFault(m, on(verb, act)) }
}
