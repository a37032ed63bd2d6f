package table

import (
	"bytes"
	"iter"
	"slices"
)

// An element is a key and value of a segment, valid until the next one is taken.
type element struct{ key, val []byte }

func idsOf(s *segment) tree    { return s.ids }
func pointsOf(s *segment) tree { return s.points }

// merge gives the elements of one bucket of each segment in key order. Of equal keys all are given, those of earlier
// segments first. A segment that shows damage is marked so and yields nothing more.
func merge(segs []*segment, bucket func(*segment) tree) iter.Seq[element] {
	return func(yield func(element) bool) {
		var heads []*head
		for _, s := range segs {
			if h := (&head{s, bucket(s).cursor()}); h.next() {
				heads = append(heads, h)
			}
		}
		for len(heads) > 0 {
			// A scan beats a heap up to some 16 segments, and there are seldom more.
			i := least(heads)
			if !yield(element{heads[i].key, heads[i].val}) {
				return
			}
			if !heads[i].next() {
				heads = slices.Delete(heads, i, i+1)
			}
		}
	}
}

type head struct {
	s *segment
	*cursor
}

func (h *head) next() bool {
	if h.s.good() && h.cursor.next() {
		return true
	}
	if h.err != nil {
		h.s.fail(h.err)
	}
	return false
}

// least finds the first of those with the smallest key.
func least(heads []*head) int {
	m := 0
	for i := 1; i < len(heads); i++ {
		if bytes.Compare(heads[i].key, heads[m].key) < 0 {
			m = i
		}
	}
	return m
}
