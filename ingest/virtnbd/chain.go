package virtnbd

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// link finds out which point each one counts from.
func (s *Set) link() {
	of := map[*stream]*Point{}
	for _, p := range s.Points {
		for _, st := range p.streams {
			of[st] = p
		}
	}
	for _, p := range s.Points {
		for _, d := range p.disks() {
			if from, err := s.from(p.streams[d]); err == nil && from != nil && of[from] != p {
				p.parent = of[from]
				break
			}
		}
	}
}

// from finds the stream that one counts from: nil for a full one.
func (s *Set) from(st *stream) (*stream, error) {
	if !st.incremental() {
		return nil, nil
	}
	var found, lost []*stream
	for _, o := range s.streams {
		switch {
		case o.disk != st.disk || o == st:
		case o.marks() && o.head.Checkpoint == st.head.Parent:
			found = append(found, o)
		case o.head == nil && (o.kind == fileFull || o.kind == fileInc && o.of == st.head.Parent):
			lost = append(lost, o) // it may be the one
		}
	}
	if len(found) == 0 {
		found = lost
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, fmt.Errorf("%s counts from checkpoint %s: %w, the set has no stream of %s that was made with it", st.name, st.head.Parent, ErrMissing, st.disk)
	}
	return nil, fmt.Errorf("%s counts from checkpoint %s: %w, %s and %s were made with it", st.name, st.head.Parent, ErrUnsure, found[0].name, found[1].name)
}

// chain gives a stream and all that it builds on, the full one first.
func (s *Set) chain(st *stream) ([]*stream, error) {
	var out []*stream
	for st != nil {
		if out = append(out, st); len(out) > len(s.streams) {
			return nil, fmt.Errorf("%s: %w, it builds on itself", st.name, ErrDamaged)
		}
		var err error
		if st, err = s.from(st); err != nil {
			return nil, err
		}
	}
	slices.Reverse(out)
	return out, nil
}

// order sorts the points by time, each behind the one that it counts from. Universal time is told to the second, the wall's
// clock to the microsecond.
func (s *Set) order() {
	slices.SortStableFunc(s.Points, func(a, b *Point) int {
		return cmp.Or(a.Time.Truncate(time.Second).Compare(b.Time.Truncate(time.Second)), a.local.Compare(b.local))
	})
	placed := map[*Point]bool{}
	var out []*Point
	var place func(p *Point)
	place = func(p *Point) {
		if p == nil || placed[p] {
			return
		}
		placed[p] = true
		place(p.parent)
		out = append(out, p)
	}
	for _, p := range s.Points {
		place(p)
	}
	s.Points = out
}
