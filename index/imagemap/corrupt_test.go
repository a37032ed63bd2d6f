package imagemap

import (
	"errors"
	"testing"

	"vbfs/index/block"
	"vbfs/index/format"
)

// forge puts bytes of its own in the place of a node of m, with the hash that fits, as only who has the key can: what
// is refused now is refused for what it says.
func forge(t *testing.T, s *shelf, m *Map, level uint8, index int64, b []byte) *Map {
	t.Helper()
	at, err := s.Store(t.Context(), level, b)
	if err != nil {
		t.Fatal(err)
	}
	for l := level + 1; ; l++ {
		i := index % format.Fan
		index /= format.Fan
		inner := *m.root.inner
		if l < m.height {
			c, err := m.child(t.Context(), l, index)
			if err != nil {
				t.Fatal(err)
			}
			n, err := m.load(t.Context(), l, index, c)
			if err != nil {
				t.Fatal(err)
			}
			inner = *n.inner
		}
		inner.Children = append([]format.Child(nil), inner.Children...)
		inner.Children[i] = at
		if l == m.height {
			return s.open(t, inner.Marshal(), m.size)
		}
		if at, err = s.Store(t.Context(), l, inner.Marshal()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWrongNodesAreRefused reads through nodes that decode well and do not belong where they are.
func TestWrongNodesAreRefused(t *testing.T) {
	t.Parallel()
	good := zeroLeaf(format.LeafSize)
	inner := func(level uint8, n int) []byte {
		return (&format.Inner{Level: level, Children: make([]format.Child, n)}).Marshal()
	}
	for name, test := range map[string]struct {
		level uint8
		index int64
		node  []byte
	}{
		"short leaf":             {1, 0, zeroLeaf(255).Marshal()},
		"empty leaf":             {1, 0, zeroLeaf(0).Marshal()},
		"last leaf long":         {1, 276, good.Marshal()},
		"inner for leaf":         {1, 0, inner(2, 256)},
		"leaf for inner":         {2, 0, good.Marshal()},
		"inner of another level": {2, 0, inner(3, 256)},
		"short inner":            {2, 0, inner(2, 255)},
		"last inner long":        {2, 1, inner(2, 22)},
		"no node":                {1, 0, []byte("vbmn")},
		"nothing":                {2, 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf()
			whole, _, _ := full(t, s)
			m := forge(t, s, whole, test.level, test.index, test.node)
			n := test.index * format.Span(test.level)
			ctx := t.Context()
			if _, err := m.Find(ctx, n); !errors.Is(err, format.ErrMalformed) {
				t.Errorf("find: %v", err)
			}
			if _, err := m.Leaf(ctx, n/format.LeafSize); !errors.Is(err, format.ErrMalformed) {
				t.Errorf("leaf: %v", err)
			}
			if err := surveyed(ctx, m, nil); !errors.Is(err, format.ErrMalformed) {
				t.Errorf("survey: %v", err)
			}
			yes := func(uint8, int64, format.Child) (bool, error) { return true, nil }
			if err := m.Walk(ctx, yes, func(Run) error { return nil }); !errors.Is(err, format.ErrMalformed) {
				t.Errorf("walk: %v", err)
			}
			if err := lastError(m.Runs(ctx, block.Range{N: m.Blocks()})); !errors.Is(err, format.ErrMalformed) {
				t.Errorf("runs: %v", err)
			}
			if err := lastError(Diff(ctx, whole, m)); !errors.Is(err, format.ErrMalformed) {
				t.Errorf("diff: %v", err)
			}
		})
	}
}

func lastError[T any](seq func(func(T, error) bool)) (last error) {
	for _, err := range seq {
		last = err
	}
	return last
}

func TestSurveySeesWrongSum(t *testing.T) {
	t.Parallel()
	s := newShelf()
	m, d, _ := full(t, s)
	l := d.leaf(3)
	l.Digest.Lo++
	if err := surveyed(t.Context(), forge(t, s, m, 1, 3, l.Marshal()), nil); !errors.Is(err, format.ErrMalformed) {
		t.Errorf("a leaf's digest: %v", err)
	}
	in := *m.root.inner
	in.Digest.Hi++
	if err := surveyed(t.Context(), s.open(t, in.Marshal(), m.size), nil); !errors.Is(err, format.ErrMalformed) {
		t.Errorf("the root's digest: %v", err)
	}
}

func TestWrongRootsAreRefused(t *testing.T) {
	t.Parallel()
	s := newShelf()
	m, d, res := full(t, s)
	for name, open := range map[string]func() (*Map, error){
		"smaller disk":  func() (*Map, error) { return Open(res.Root, d.size/8, s, m.cache) },
		"larger disk":   func() (*Map, error) { return Open(res.Root, d.size*300, s, m.cache) },
		"negative size": func() (*Map, error) { return Open(res.Root, -1, s, m.cache) },
		"absurd size":   func() (*Map, error) { return Open(res.Root, 1<<62, s, m.cache) },
		"no bytes":      func() (*Map, error) { return Open(nil, d.size, s, m.cache) },
		"cut":           func() (*Map, error) { return Open(res.Root[:len(res.Root)-1], d.size, s, m.cache) },
		"leaf":          func() (*Map, error) { return Open(zeroLeaf(256).Marshal(), d.size, s, m.cache) },
	} {
		if _, err := open(); !errors.Is(err, format.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
