package virtnbd

import (
	"strconv"
	"strings"
	"time"
)

// zoneStep is what the offsets of all time zones are multiples of, lowest and highest what they are at most.
const (
	zoneStep = 15 * time.Minute
	lowest   = -12 * time.Hour
	highest  = 14 * time.Hour
)

// setTimes finds out when each point was made. A stream tells the time as the wall's clock showed it. In universal time
// there are the instant at which libvirt made a checkpoint, and the second in the name of a differential stream; where both
// are known they tell the host's zone, which is then the zone of points that are near.
func (s *Set) setTimes() {
	for _, p := range s.Points {
		p.local, p.hasLocal = p.wall()
		p.Time = p.universal()
	}
	for _, p := range s.Points {
		if p.Time.IsZero() {
			p.guess(s.nearest(p))
		}
	}
}

// wall is the earliest date of the point's streams, else when the log of the only run says that it began.
func (p *Point) wall() (at time.Time, ok bool) {
	for _, st := range p.streams {
		if st.head == nil {
			continue
		}
		if t, has := st.head.local(); has && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	if starts := p.set.starts; !ok && len(p.set.Points) == 1 && len(starts) == 1 && !starts[0].IsZero() {
		return starts[0], true
	}
	return at, ok
}

// universal is the point's time where it is told in universal time, else zero.
func (p *Point) universal() time.Time {
	var at time.Time
	if p.checkpoint != nil && p.checkpoint.Created > 0 {
		at = p.checkpoint.instant()
	}
	if p.Level == fileDiff {
		for _, st := range p.streams {
			if at.IsZero() || st.at.Before(at) {
				at = st.at
			}
		}
	}
	if !at.IsZero() && p.hasLocal {
		if _, ok := zone(p.local, at); !ok {
			return time.Time{} // the checkpoint is not this point's: of another set, perhaps
		}
	}
	return at
}

// zone gives what a wall's clock was ahead of universal time. The wall's was read some seconds later.
func zone(local, universal time.Time) (time.Duration, bool) {
	ahead := local.Sub(universal)
	d := ahead.Truncate(zoneStep)
	if d > ahead {
		d -= zoneStep
	}
	return d, d >= lowest && d <= highest
}

// nearest finds the point of a known zone that is nearest to p by the wall's clock.
func (s *Set) nearest(p *Point) (best *Point) {
	for _, o := range s.Points {
		if !o.hasLocal || o.guessed || o.Time.IsZero() {
			continue
		}
		if best == nil || o.local.Sub(p.local).Abs() < best.local.Sub(p.local).Abs() {
			best = o
		}
	}
	return best
}

// guess takes the zone of a point nearby, else the one that was given.
func (p *Point) guess(near *Point) {
	p.guessed = true
	switch {
	case !p.hasLocal:
		p.Time = p.oldest()
		p.warn("the set does not tell when it was made: its time is that of its oldest file")
	case near != nil:
		d, _ := zone(near.local, near.Time)
		p.Time = p.local.Add(-d)
	default:
		l, z := p.local, p.set.zone
		at := time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), l.Nanosecond(), z)
		p.Time = at.UTC()
		p.warn("the set tells its time without a time zone: it was taken for %s", at.Format("MST (UTC-07:00)"))
	}
}

// oldest is the earliest time of modification of the point's files.
func (p *Point) oldest() (at time.Time) {
	for _, st := range p.streams {
		if st.info != nil && (at.IsZero() || st.info.ModTime().Before(at)) {
			at = st.info.ModTime().UTC()
		}
	}
	return at
}

// configTime reads the time in vmconfig.UNIXTIME.xml.
func configTime(name string) (time.Time, bool) {
	_, rest, _ := strings.Cut(name, ".")
	n, err := strconv.ParseInt(strings.TrimSuffix(rest, ".xml"), 10, 40)
	return time.Unix(n, 0).UTC(), err == nil
}
