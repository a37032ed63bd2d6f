package virtnbd

import (
	"cmp"
	"slices"
)

// group puts the streams of one run of virtnbdbackup together.
func (s *Set) group() {
	for _, st := range s.streams {
		st.begin()
	}
	groups := map[string]*Point{}
	in := func(key, level string, st *stream) {
		if groups[key] == nil {
			groups[key] = &Point{set: s, Level: level, streams: map[string]*stream{}}
			s.Points = append(s.Points, groups[key])
		}
		groups[key].streams[st.disk] = st
	}
	var later []*stream
	for _, st := range s.streams {
		switch st.kind {
		case fileFull:
			in(fileFull, fileFull, st)
		case fileInc:
			in(fileInc+"."+st.of, fileInc, st)
		default:
			later = append(later, st)
		}
	}
	full := groups[fileFull]
	if full != nil {
		full.findDomain()
	}
	for _, st := range later {
		switch {
		case st.kind == fileDiff:
		case full != nil && full.streams[st.disk] == nil && full.domain.raw(st.disk):
			in(fileFull, fileFull, st)
		default:
			in(fileCopy, fileCopy, st)
		}
	}
	s.groupDiffs()
	for _, p := range s.Points {
		p.settle()
	}
	s.link()
}

// groupDiffs puts differential streams together, which have no name in common: they are of one run as long as no disk comes
// twice, no other run began between them, and none ended, which leaves the domain's XML.
func (s *Set) groupDiffs() {
	var diffs []*stream
	for _, st := range s.streams {
		if st.kind == fileDiff {
			diffs = append(diffs, st)
		}
	}
	slices.SortFunc(diffs, func(a, b *stream) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.disk, b.disk)) })
	var p *Point
	var last *stream
	for _, st := range diffs {
		if p == nil || p.streams[st.disk] != nil || s.apart(last, st) {
			p = &Point{set: s, Level: fileDiff, streams: map[string]*stream{}}
			s.Points = append(s.Points, p)
		}
		p.streams[st.disk], last = st, st
	}
}

// apart tells whether two differential streams are of different runs for sure.
func (s *Set) apart(a, b *stream) bool {
	if a.head != nil && b.head != nil {
		if a.head.Parent != b.head.Parent {
			return true
		}
		before, ok1 := a.head.local()
		after, ok2 := b.head.local()
		for _, t := range s.starts {
			if ok1 && ok2 && t.After(before) && !t.After(after) {
				return true
			}
		}
	}
	for _, name := range s.configs {
		if t, ok := configTime(name); ok && t.After(a.at) && t.Before(b.at) {
			return true
		}
	}
	return false
}
