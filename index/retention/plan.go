package retention

import (
	"slices"
	"time"
)

// A Point is what a policy looks at.
type Point struct {
	Time      time.Time // of capture
	Failed    bool      // a disk is not in it
	Damaged   bool      // or may be
	Flagged   bool      // as an anomaly that nobody has found to be in order
	Verified  bool
	Protected bool
	Tags      []string // K=V
}

// A Verdict is what becomes of a point.
type Verdict struct {
	Keep    bool
	Reasons []string // what keeps it; else, why nothing does
}

func (v *Verdict) keep(reason string) {
	v.Keep = true
	v.Reasons = append(v.Reasons, reason)
}

// Plan judges the points of one machine, which may come in any order: of those of one time, the later in the list is the
// newer. The verdicts are in the order of the points.
func (p Policy) Plan(points []Point, now time.Time) []Verdict {
	l := &plan{Policy: p, points: points, now: now, verdicts: make([]Verdict, len(points))}
	if p.Empty() {
		for i := range l.verdicts {
			l.verdicts[i].keep("no rule")
		}
		return l.verdicts
	}
	for i := range points {
		l.order = append(l.order, i)
	}
	slices.SortStableFunc(l.order, func(a, b int) int { return points[a].Time.Compare(points[b].Time) })
	l.exempt()
	l.judge(l.order, "")
	l.judgeBeforeAnomalies()
	l.outlive()
	return l.verdicts
}

// A plan is one judgement on its way.
type plan struct {
	Policy
	points   []Point
	now      time.Time
	order    []int // of points, the oldest first
	verdicts []Verdict
}

// exempt keeps the points that no rule is asked about.
func (l *plan) exempt() {
	for i, p := range l.points {
		v := &l.verdicts[i]
		if p.Protected {
			v.keep("protected")
		}
		if p.Flagged {
			v.keep("anomaly that was not accepted")
		}
		if p.Time.After(l.now) {
			v.keep("in the future")
		}
		if tag, ok := l.tag(p); ok {
			v.keep("tag " + tag)
		}
	}
}

func (l *plan) sound(p Point) bool {
	return !p.Failed && !p.Damaged && !p.Flagged && !p.Time.After(l.now)
}

func (l *plan) good(p Point) bool { return l.sound(p) && (p.Verified || !l.RequireVerified) }

// judgeBeforeAnomalies judges each history that ends before a flagged point, unless nothing sound has come since the last one.
func (l *plan) judgeBeforeAnomalies() {
	news := false
	for i, at := range l.order {
		if p := l.points[at]; !p.Flagged {
			news = news || l.sound(p)
		} else if news {
			l.judge(l.order[:i], "before an anomaly: ")
			news = false
		}
	}
}

// judge applies the rules to a history: to its good points and, where these have to be verified, to all sound ones, too.
// A point that is kept already needs no second reason.
func (l *plan) judge(history []int, prefix string) {
	why := l.reasons(l.only(history, l.good))
	if l.RequireVerified {
		for at, reasons := range l.reasons(l.only(history, l.sound)) {
			if l.points[at].Verified {
				continue
			}
			for _, r := range reasons {
				why[at] = append(why[at], "not verified yet: "+r)
			}
		}
	}
	for at, reasons := range why {
		if v := &l.verdicts[at]; prefix == "" || !v.Keep {
			for _, r := range reasons {
				v.keep(prefix + r)
			}
		}
	}
}

// only gives the points of a history that fit, the newest first.
func (l *plan) only(history []int, fits func(Point) bool) (out []int) {
	for _, at := range slices.Backward(history) {
		if fits(l.points[at]) {
			out = append(out, at)
		}
	}
	return out
}

// outlive keeps what is not good until something newer is, and says of the others why they go.
func (l *plan) outlive() {
	outlived := false
	for _, at := range slices.Backward(l.order) {
		p, v := l.points[at], &l.verdicts[at]
		switch {
		case v.Keep:
			outlived = outlived || l.good(p)
		case !l.good(p) && !outlived:
			v.keep(l.fault(p) + ": no newer good point")
		default:
			v.Reasons = []string{l.fault(p)}
		}
	}
}

// fault says why a point does not count.
func (l *plan) fault(p Point) string {
	switch {
	case p.Failed:
		return "failed"
	case p.Damaged:
		return "damaged"
	case !l.good(p):
		return "not verified"
	}
	return "no rule keeps it"
}
