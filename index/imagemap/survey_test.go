package imagemap

import (
	"context"
	"slices"
	"testing"

	"vbfs/index/block"
	"vbfs/index/format"
)

// A strict surveyor knows nothing, and ends at the first thing that is broken.
type strict struct {
	known map[format.Child]block.Digest
	leaf  func(int64, *format.Leaf) error
}

func (s strict) Known(_ uint8, _ int64, c format.Child) (block.Digest, bool) {
	d, ok := s.known[c]
	return d, ok
}

func (s strict) Whole(_ uint8, _ int64, c format.Child, d block.Digest) { s.known[c] = d }

func (s strict) Broken(_ uint8, _ int64, _ format.Child, err error) error { return err }

func (s strict) Leaf(_ context.Context, i int64, l *format.Leaf) (bool, error) {
	return true, s.leaf(i, l)
}

// surveyed walks the whole map, and gives the first error of it or of leaf.
func surveyed(ctx context.Context, m *Map, leaf func(int64, *format.Leaf) error) error {
	if leaf == nil {
		leaf = func(int64, *format.Leaf) error { return nil }
	}
	_, err := m.Survey(ctx, strict{map[format.Child]block.Digest{}, leaf})
	return err
}

func TestSurveyDoesNotLoadWhatIsKnown(t *testing.T) {
	t.Parallel()
	s := newShelf()
	m, _, _ := full(t, s)
	known := strict{map[format.Child]block.Digest{}, func(int64, *format.Leaf) error { return nil }}
	if whole, err := m.Survey(t.Context(), known); !whole || err != nil {
		t.Fatalf("first survey: %v, %v", whole, err)
	}
	before := s.loads
	if whole, err := s.open(t, m.root.inner.Marshal(), m.size).Survey(t.Context(), known); !whole || err != nil {
		t.Fatalf("second survey: %v, %v", whole, err)
	}
	if s.loads != before {
		t.Errorf("%d nodes were loaded again", s.loads-before)
	}
}

// tolerant notes what is broken and goes on.
type tolerant struct {
	strict
	broken *[]int64
}

func (s tolerant) Broken(level uint8, index int64, _ format.Child, _ error) error {
	*s.broken = append(*s.broken, int64(level)*1000+index)
	return nil
}

func TestSurveyGoesOnBesideWhatIsBroken(t *testing.T) {
	t.Parallel()
	s := newShelf()
	whole, _, _ := full(t, s)
	var all, leaves, broken []int64
	if err := surveyed(t.Context(), whole, func(i int64, _ *format.Leaf) error { all = append(all, i); return nil }); err != nil {
		t.Fatal(err)
	}
	m := forge(t, s, whole, 1, all[2], []byte("vbmn"))
	look := strict{map[format.Child]block.Digest{}, func(i int64, _ *format.Leaf) error { leaves = append(leaves, i); return nil }}
	ok, err := m.Survey(t.Context(), tolerant{look, &broken})
	if ok || err != nil || !slices.Equal(broken, []int64{1000 + all[2]}) {
		t.Errorf("whole %v, broken %v, %v", ok, broken, err)
	}
	if want := slices.Delete(slices.Clone(all), 2, 3); !slices.Equal(leaves, want) {
		t.Errorf("leaves %v were looked at, not %v", leaves, want)
	}
}
