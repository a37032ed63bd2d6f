package retention_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"vbfs/index/retention"
)

// A rule of each period keeps a point that no other one does: what a rule of ones asks for is not all the same point.
func TestFurther(t *testing.T) {
	t.Parallel()
	var points []retention.Point
	for day := range 800 {
		points = append(points, retention.Point{Time: time.Date(2025, 1, 1+day, 3, 0, 0, 0, time.UTC)})
	}
	ones := retention.Policy{Daily: 1, Monthly: 1, Quarterly: 1, Yearly: 1, Further: true}
	var kept []string
	for i, v := range ones.Plan(points, now.AddDate(2, 0, 0)) {
		if v.Keep {
			kept = append(kept, points[i].Time.Format(time.DateOnly)+" "+v.Reasons[len(v.Reasons)-1])
		}
	}
	want := []string{"2025-12-31 yearly 2025", "2026-12-31 quarterly 2026-Q4", "2027-02-28 monthly 2027-02", "2027-03-11 daily 2027-03-11"}
	if !slices.Equal(kept, want) {
		t.Errorf("%q", kept)
	}
}

// Night by night, a history that is judged after each point has a point in every period that the rules speak of, as soon as it is
// long enough, and never more points than their numbers say.
func TestFurtherNightByNight(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		p := retention.Policy{Further: true}
		sum := 0
		for _, period := range retention.Periods()[1:] {
			*p.Count(period) = rnd.IntN(8)
			sum += *p.Count(period)
		}
		p.Daily++
		var points []retention.Point
		seen := map[retention.Period][]string{}
		for day := range 900 {
			at := time.Date(2020, 1, 1+day, rnd.IntN(24), 0, 0, 0, time.UTC)
			points = nightly(p, append(points, retention.Point{Time: at}), at)
			if len(points) > sum+1 {
				t.Fatalf("seed %d, %+v: %d points", seed, p, len(points))
			}
			for _, period := range retention.Periods()[1:] {
				if name := period.Of(at); !slices.Contains(seen[period], name) {
					seen[period] = append(seen[period], name)
				}
				hasAll(t, p, period, seen[period], points)
			}
		}
	}
}

func nightly(p retention.Policy, points []retention.Point, now time.Time) (left []retention.Point) {
	for i, v := range p.Plan(points, now) {
		if v.Keep {
			left = append(left, points[i])
		}
	}
	return left
}

// hasAll holds that each of the last periods has a point.
func hasAll(t *testing.T, p retention.Policy, period retention.Period, seen []string, points []retention.Point) {
	t.Helper()
	for _, name := range seen[max(0, len(seen)-*p.Count(period)):] {
		if !slices.ContainsFunc(points, func(q retention.Point) bool { return period.Of(q.Time) == name }) {
			t.Fatalf("%+v: no point of %s among %v", p, name, points)
		}
	}
}
