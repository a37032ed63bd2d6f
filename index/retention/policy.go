package retention

import (
	"slices"
	"time"
)

// All, as the number of points of a rule, is no bound.
const All = -1

// A Policy says what is kept. Numbers are points to keep: 0 is no such rule, All keeps one of each.
type Policy struct {
	Last            int            // the newest points
	Hourly          int            // the newest point of each hour that has one; so on
	Daily           int            //
	Weekly          int            // weeks of ISO 8601
	Monthly         int            //
	Quarterly       int            //
	Yearly          int            //
	Further         bool           // a rule leaves out periods that a finer rule keeps a point of: numbers add up
	Within          Duration       // all points of that long before the newest good one
	Tags            []string       // all points with one of these, K=V
	Location        *time.Location // whose calendar; nil is UTC
	RequireVerified bool           // only verified points count
	AllowEmpty      bool           // a machine may lose its newest good point
}

// Empty tells whether no rule keeps anything. Such a policy keeps all.
func (p Policy) Empty() bool {
	for _, r := range p.rules() {
		if r.n != 0 {
			return false
		}
	}
	return p.Within == Duration{} && len(p.Tags) == 0
}

// Count is how many points the rule of a period keeps.
func (p *Policy) Count(of Period) *int {
	return [...]*int{&p.Hourly, &p.Daily, &p.Weekly, &p.Monthly, &p.Quarterly, &p.Yearly}[of]
}

// A rule keeps the newest point of each of the newest n buckets that have one.
type rule struct {
	n      int
	bucket func(time.Time) string // of a point's time in the policy's zone; nil is a bucket each
	name   string
}

// rules are the finer ones first.
func (p Policy) rules() []rule {
	all := []rule{{p.Last, nil, "last"}}
	for _, period := range Periods() {
		all = append(all, rule{*p.Count(period), period.Of, period.String()})
	}
	return all
}

func (p Policy) location() *time.Location {
	if p.Location == nil {
		return time.UTC
	}
	return p.Location
}

// tag gives the first of the point's tags that keeps it.
func (p Policy) tag(of Point) (string, bool) {
	i := slices.IndexFunc(of.Tags, func(t string) bool { return slices.Contains(p.Tags, t) })
	if i < 0 {
		return "", false
	}
	return of.Tags[i], true
}
