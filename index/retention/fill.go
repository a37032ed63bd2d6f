package retention

import (
	"fmt"
	"time"
)

// reasons tells what keeps which of the points, all of which count. They come the newest first.
func (l *plan) reasons(points []int) map[int][]string {
	why := map[int][]string{}
	if len(points) == 0 {
		return why
	}
	if !l.AllowEmpty {
		why[points[0]] = []string{"newest good point"}
	}
	ruled := map[int]bool{} // by a finer rule
	for _, r := range l.rules() {
		for at, bucket := range l.fill(r, points, ruled) {
			why[at] = append(why[at], r.name+" "+bucket)
			ruled[at] = true
		}
	}
	if l.Within == (Duration{}) {
		return why
	}
	since := l.Within.before(l.at(points[0]))
	for _, at := range points {
		if !l.points[at].Time.Before(since) {
			why[at] = append(why[at], "within "+l.Within.String())
		}
	}
	return why
}

// fill puts the newest point of each bucket into it, until there are enough, and gives the buckets by point.
func (l *plan) fill(r rule, points []int, ruled map[int]bool) map[int]string {
	got, full := map[int]string{}, l.covered(r, points, ruled)
	for i, at := range points {
		if r.n != All && len(got) >= r.n {
			break
		}
		bucket := fmt.Sprint(i + 1)
		if r.bucket != nil {
			bucket = r.bucket(l.at(at))
		}
		if !full[bucket] {
			full[bucket], got[at] = true, bucket
		}
	}
	return got
}

// covered gives the buckets that a finer rule keeps a point of, where these do not count.
func (l *plan) covered(r rule, points []int, ruled map[int]bool) map[string]bool {
	full := map[string]bool{}
	for _, at := range points {
		if l.Further && ruled[at] && r.bucket != nil {
			full[r.bucket(l.at(at))] = true
		}
	}
	return full
}

// at is a point's time in the policy's zone.
func (l *plan) at(i int) time.Time { return l.points[i].Time.In(l.location()) }
