package virtnbd

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A Set is a directory that virtnbdbackup wrote to.
type Set struct {
	Dir    string   // absolute
	Domain string   // name of the machine
	Points []*Point // each after the one that it builds on
	Notes  []string // what was left out of the set, and why

	zone    *time.Location
	root    *os.Root
	streams []*stream
	configs []string // names of the domain's XML files
	starts  []time.Time
	names   map[string]bool // of all files
}

// Options says what a set does not say of itself.
type Options struct {
	// Zone is where the host was that made the set, for points whose time it tells as the clock on its wall showed it.
	Zone *time.Location
}

// Open reads what is in a set: the heads of its streams, not their data. What is wrong with one of them is told by the points.
func Open(dir string, o Options) (*Set, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s := &Set{Dir: abs, zone: o.Zone, root: root, names: map[string]bool{}}
	if s.zone == nil {
		s.zone = time.UTC
	}
	if err := s.read(); err != nil {
		root.Close()
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return s, nil
}

// Close closes all files of the set.
func (s *Set) Close() error {
	var err error
	for _, st := range s.streams {
		err = errors.Join(err, st.close())
	}
	return errors.Join(err, s.root.Close())
}

func (s *Set) read() error {
	entries, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return err
	}
	shared := new(room)
	for _, e := range entries {
		name := e.Name()
		s.names[name] = true
		if f, ok := parseFileName(name); ok {
			s.streams = append(s.streams, &stream{fileName: f, dir: s.root, room: shared})
			continue
		}
		s.other(name)
	}
	if len(s.streams) == 0 {
		return ErrNoSet
	}
	s.group()
	s.setTimes()
	s.order()
	s.name()
	return nil
}

// other takes notice of a file that is no stream.
func (s *Set) other(name string) {
	switch {
	case strings.HasSuffix(name, partialSuffix):
		s.Notes = append(s.Notes, name+" was not written to its end: it is left out")
	case strings.HasSuffix(name, dataSuffix):
		s.Notes = append(s.Notes, name+" is not called as virtnbdbackup calls its files: it is left out")
	case strings.HasPrefix(name, "vmconfig.") && strings.HasSuffix(name, ".xml"):
		s.configs = append(s.configs, name)
	case strings.HasPrefix(name, "backup.") && strings.HasSuffix(name, ".log"):
		s.starts = append(s.starts, logTime(name))
	}
}

// logTime is when the run began that wrote a log, as the wall's clock showed it: backup.LEVEL.MMDDYYYYHHMMSS.log.
func logTime(name string) time.Time {
	parts := strings.Split(name, ".")
	t, err := time.Parse("01022006150405", parts[len(parts)-2])
	if err != nil {
		return time.Time{}
	}
	return t
}

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

// name finds out whose set it is: from the newest XML, else from the list of checkpoints, else from the directory.
func (s *Set) name() {
	s.Domain = filepath.Base(s.Dir)
	for name := range s.names {
		if domain, ok := strings.CutSuffix(name, ".cpt"); ok {
			s.Domain = domain
		}
	}
	for _, p := range s.Points {
		if p.domain != nil && p.domain.Name != "" {
			s.Domain = p.domain.Name
		}
	}
}
