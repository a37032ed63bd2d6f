package retention

import (
	"fmt"
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
	Yearly          int            //
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

// A rule keeps the newest point of each of the newest n buckets that have one.
type rule struct {
	n      int
	bucket func(time.Time) string // of a point's time in the policy's zone; nil is a bucket each
	name   string
}

func (p Policy) rules() []rule {
	return []rule{
		{p.Last, nil, "last"},
		{p.Hourly, layout("2006-01-02T15Z07:00"), "hourly"}, // when clocks are set back an hour comes twice
		{p.Daily, layout(time.DateOnly), "daily"},
		{p.Weekly, week, "weekly"},
		{p.Monthly, layout("2006-01"), "monthly"},
		{p.Yearly, layout("2006"), "yearly"},
	}
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

func layout(l string) func(time.Time) string {
	return func(t time.Time) string { return t.Format(l) }
}

func week(t time.Time) string {
	year, week := t.ISOWeek()
	return fmt.Sprintf("%04d-W%02d", year, week)
}
