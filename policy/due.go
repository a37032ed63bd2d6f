package policy

import (
	"time"

	"vbfs/index/retention"
)

// Due tells whether a backup is to be made now, by the calendar of now's zone: whether one of the policy's periods has no point yet. Points
// that failed, are damaged, or are of the future do not count; what one says that keeps a backup from being due is in has, for people.
func (p Policy) Due(points []retention.Point, now time.Time) (due bool, has string) {
	for _, period := range retention.Periods() {
		if p.counts[period] == 0 {
			continue
		}
		name := period.Of(now)
		if !covered(points, period, now) {
			return true, ""
		}
		if has == "" { // the finest
			has = name
		}
	}
	return p.asks && has == "", has
}

// covered tells whether the period that now is in has a point.
func covered(points []retention.Point, period retention.Period, now time.Time) bool {
	for _, q := range points {
		if !q.Failed && !q.Damaged && !q.Time.After(now) && period.Of(q.Time.In(now.Location())) == period.Of(now) {
			return true
		}
	}
	return false
}
