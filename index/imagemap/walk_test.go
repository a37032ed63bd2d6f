package imagemap

import (
	"errors"
	"slices"
	"testing"

	"vbfs/index/block"
	"vbfs/index/format"
)

func dataOnly(runs []Run) (out []Run) {
	for _, r := range runs {
		if r.Kind == format.Data {
			out = append(out, r)
		}
	}
	return out
}

// TestWalkSeesAll gathers the nodes and data runs of a map, and of the next point what is new alone.
func TestWalkSeesAll(t *testing.T) {
	t.Parallel()
	s := newShelf()
	m, d, res := full(t, s)
	seen := map[format.Child]bool{}
	visit := func(level uint8, index int64, c format.Child) (bool, error) {
		if at, err := m.child(t.Context(), level, index); err != nil || at != c {
			t.Errorf("node %d of level %d is not %v: %v", index, level, at, err)
		}
		fresh := !seen[c]
		seen[c] = true
		return fresh, nil
	}
	var runs []Run
	keep := func(r Run) error {
		if n := len(runs); n > 0 && runs[n-1].follows(r) {
			runs[n-1].N += r.N
		} else {
			runs = append(runs, r)
		}
		return nil
	}
	if err := m.Walk(t.Context(), visit, keep); err != nil {
		t.Fatal(err)
	}
	if want := dataOnly(d.runs(block.Range{N: m.Blocks()})); !slices.Equal(runs, want) || len(seen) != len(s.nodes) {
		t.Fatalf("%d runs, not %d; %d nodes of %d", len(runs), len(want), len(seen), len(s.nodes))
	}
	d = d.clone()
	d.at[0] = format.Address{Pack: packID(99), Slot: 1}
	m, _ = s.build(t, d, map[int64]bool{0: true}, m, res.Data)
	runs = nil
	if err := m.Walk(t.Context(), visit, keep); err != nil {
		t.Fatal(err)
	}
	if want := dataOnly(d.runs(block.Range{N: format.LeafSize})); !slices.Equal(runs, want) || len(seen) != len(s.nodes) {
		t.Errorf("new are %v, not %v; %d nodes of %d", runs, want, len(seen), len(s.nodes))
	}
}

// TestWalkLoadsNoLeaf walks over nodes alone: what prune marks needs inner nodes only.
func TestWalkLoadsNoLeaf(t *testing.T) {
	t.Parallel()
	s := newShelf()
	m, _, _ := full(t, s)
	nodes, before := 0, s.loads
	err := m.Walk(t.Context(), func(uint8, int64, format.Child) (bool, error) { nodes++; return true, nil }, nil)
	if err != nil || nodes != len(s.nodes) || s.loads-before != 2 {
		t.Errorf("%d nodes of %d, %d loads for 2 inner nodes, %v", nodes, len(s.nodes), s.loads-before, err)
	}
}

func TestWalkGivesErrors(t *testing.T) {
	t.Parallel()
	m, _, _ := full(t, newShelf())
	boom := errors.New("boom")
	yes := func(uint8, int64, format.Child) (bool, error) { return true, nil }
	no := func(uint8, int64, format.Child) (bool, error) { return true, boom }
	if err := m.Walk(t.Context(), no, nil); err != boom {
		t.Errorf("visit: %v", err)
	}
	if err := m.Walk(t.Context(), yes, func(Run) error { return boom }); err != boom {
		t.Errorf("run: %v", err)
	}
	if err := surveyed(t.Context(), m, func(int64, *format.Leaf) error { return boom }); err != boom {
		t.Errorf("survey: %v", err)
	}
}
