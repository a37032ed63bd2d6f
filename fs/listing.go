package fs

import (
	"time"

	"vbfs/index"
	"vbfs/index/format"
)

// A listing is the points as they were at one instant. It never changes.
type listing struct {
	summaries []*format.Manifest // by machine name, then time
	machines  *shelf[*machine]
	days      *shelf[*day]
	newest    time.Time
}

// A machine is the points of all machines of one name.
type machine struct {
	points *shelf[*point]
	latest string // name of the newest complete point; "" is none
	newest time.Time
}

// A day holds, by second, the points of that second.
type day struct {
	seconds *shelf[*second]
	newest  time.Time
}

// A second holds points by the name of their link.
type second struct {
	points *shelf[*point]
	newest time.Time
}

// A point is a restore point and where it stands.
type point struct {
	*format.Manifest
	name string // in its machine's folder
}

// newListing sorts the summaries of points, which are by machine name, then time, into folders.
func newListing(summaries []*format.Manifest) *listing {
	l := &listing{summaries: summaries, machines: newShelf[*machine](), days: newShelf[*day]()}
	for _, m := range summaries {
		p := l.place(m)
		l.date(p)
		l.newest = later(l.newest, m.Time)
	}
	l.sort()
	return l
}

// place puts a point into its machine's folder.
func (l *listing) place(m *format.Manifest) *point {
	in := l.machines.at(m.MachineName, func() *machine { return &machine{points: newShelf[*point]()} })
	p := &point{m, m.Name}
	if _, taken := in.points.of[p.name]; taken || p.name == latest {
		p.name = apart(m.Name, m)
	}
	in.points.put(p.name, p)
	in.newest = later(in.newest, m.Time)
	if m.Complete() {
		in.latest = p.name
	}
	return p
}

// date puts a point under the day and second that its name says.
func (l *listing) date(p *point) {
	at, err := time.Parse(index.TimeLayout, p.Name)
	if err != nil {
		at = p.Time
	}
	d := l.days.at(at.Format(time.DateOnly), func() *day { return &day{seconds: newShelf[*second]()} })
	s := d.seconds.at(at.Format("15-04-05Z"), func() *second { return &second{points: newShelf[*point]()} })
	link := p.MachineName
	if _, taken := s.points.of[link]; taken {
		link = apart(link, p.Manifest)
	}
	s.points.put(link, p)
	d.newest, s.newest = later(d.newest, p.Time), later(s.newest, p.Time)
}

func (l *listing) sort() {
	l.machines.sort()
	for _, m := range l.machines.of {
		m.points.sort()
	}
	l.days.sort()
	for _, d := range l.days.of {
		d.seconds.sort()
		for _, s := range d.seconds.of {
			s.points.sort()
		}
	}
}

// apart makes a name of its own for a point whose name is taken.
func apart(name string, m *format.Manifest) string { return name + "~" + m.Point.String() }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
