package retention_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	_ "time/tzdata"

	"vbfs/index/retention"
)

// A model decides for one point at a time, by counting what is newer than it. It shares nothing with the package.
type model struct {
	retention.Policy
	points []retention.Point
	now    time.Time
}

// newer tells whether point a is newer than b.
func (m *model) newer(a, b int) bool {
	if !m.points[a].Time.Equal(m.points[b].Time) {
		return m.points[a].Time.After(m.points[b].Time)
	}
	return a > b
}

func (m *model) sound(i int) bool {
	p := m.points[i]
	return !p.Failed && !p.Damaged && !p.Flagged && !p.Time.After(m.now)
}

func (m *model) good(i int) bool { return m.sound(i) && (!m.RequireVerified || m.points[i].Verified) }

func (m *model) keeps(i int) bool {
	p := m.points[i]
	if p.Protected || p.Flagged || p.Time.After(m.now) || m.ruled(i) {
		return true
	}
	for _, t := range p.Tags {
		if slices.Contains(m.Tags, t) {
			return true
		}
	}
	if m.good(i) {
		return false
	}
	for j := range m.points { // junk stays until a good point is newer
		if m.good(j) && m.newer(j, i) && m.keeps(j) {
			return false
		}
	}
	return true
}

// ruled tells whether a rule keeps a point in the whole history, or in one that ends before a flagged point.
func (m *model) ruled(i int) bool {
	ends := []int{-1}
	for j, p := range m.points {
		if p.Flagged && m.newer(j, i) {
			ends = append(ends, j)
		}
	}
	for _, end := range ends {
		counts := []func(int) bool{m.good}
		if m.RequireVerified {
			counts = append(counts, m.sound)
		}
		for _, c := range counts {
			if c(i) && m.fits(i, func(j int) bool { return c(j) && (end < 0 || m.newer(end, j)) }) {
				return true
			}
		}
	}
	return false
}

// fits tells whether a rule keeps point i, where those that count have a say.
func (m *model) fits(i int, counts func(int) bool) bool {
	newest := i
	for j := range m.points {
		if counts(j) && m.newer(j, newest) {
			newest = j
		}
	}
	if newest == i && !m.AllowEmpty {
		return true
	}
	loc := m.Location
	if loc == nil {
		loc = time.UTC
	}
	at := m.points[newest].Time.In(loc) // the random durations have days and hours only
	w := m.Within
	if w != (retention.Duration{}) && !m.points[i].Time.Before(at.AddDate(0, 0, -w.Days).Add(-time.Duration(w.Hours)*time.Hour)) {
		return true
	}
	return m.byNumber(i, loc, counts)
}

// byNumber tells whether a rule keeps point i for being the newest of its bucket.
func (m *model) byNumber(i int, loc *time.Location, counts func(int) bool) bool {
	kept := map[int]bool{}
	for n, r := range []int{m.Last, m.Hourly, m.Daily, m.Weekly, m.Monthly, m.Quarterly, m.Yearly} {
		finer := map[[5]int]bool{} // buckets that do not count
		for j := range m.points {
			if m.Further && n > 0 && kept[j] {
				finer[m.bucket(j, n, loc)] = true
			}
		}
		for j := range m.points {
			if r != 0 && counts(j) && !finer[m.bucket(j, n, loc)] && m.first(j, n, loc, counts) && (r < 0 || m.ahead(j, n, loc, counts, finer) < r) {
				kept[j] = true
			}
		}
	}
	return kept[i]
}

// first tells whether nothing newer is in the same bucket of rule n.
func (m *model) first(i, n int, loc *time.Location, counts func(int) bool) bool {
	for j := range m.points {
		if counts(j) && m.newer(j, i) && m.bucket(j, n, loc) == m.bucket(i, n, loc) {
			return false
		}
	}
	return true
}

// ahead counts the buckets that newer points are in, but for those of finer rules.
func (m *model) ahead(i, n int, loc *time.Location, counts func(int) bool, finer map[[5]int]bool) int {
	seen := map[[5]int]bool{}
	for j := range m.points {
		if b := m.bucket(j, n, loc); counts(j) && m.newer(j, i) && !finer[b] {
			seen[b] = true
		}
	}
	return len(seen)
}

func (m *model) bucket(i, n int, loc *time.Location) [5]int {
	t := m.points[i].Time.In(loc)
	_, offset := t.Zone()
	day := int(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400)
	return [][5]int{
		{i}, {day, t.Hour(), offset}, {day}, {(day + 3) / 7}, // 1970-01-01 was a Thursday
		{t.Year(), int(t.Month())}, {t.Year(), int(t.Month()-1) / 3}, {t.Year()},
	}[n]
}

// TestModel compares plans with the model, over random histories.
func TestModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3000) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		p, points, now := randomHistory(rnd)
		m := &model{p, points, now}
		for i, v := range p.Plan(points, now) {
			want := p.Empty() || m.keeps(i)
			if v.Keep != want || len(v.Reasons) == 0 {
				t.Fatalf("seed %d: point %d of %+v\nat %v under %+v: keep %v for %q, not %v", seed, i, points, now, p, v.Keep, v.Reasons, want)
			}
		}
	}
}

// randomHistory makes points around changes of clocks and years, with all that can be wrong with them.
func randomHistory(rnd *rand.Rand) (retention.Policy, []retention.Point, time.Time) {
	starts := []string{"2026-10-24T21:00:00Z", "2024-02-28T00:00:00Z", "2020-12-20T00:00:00Z", "2026-03-28T12:00:00Z"}
	begin, _ := time.Parse(time.RFC3339, starts[rnd.IntN(len(starts))])
	span := []time.Duration{3 * time.Hour, 50 * time.Hour, 40 * 24 * time.Hour, 900 * 24 * time.Hour}[rnd.IntN(4)]
	chance := func(percent int) bool { return rnd.IntN(100) < percent }
	trouble := rnd.IntN(40)
	points := make([]retention.Point, rnd.IntN(24))
	for i := range points {
		points[i] = retention.Point{
			Time:   begin.Add(upTo(rnd, span)).Truncate(time.Duration(1+rnd.IntN(2)*1799) * time.Second),
			Failed: chance(trouble), Damaged: chance(trouble), Flagged: chance(trouble / 2), Verified: chance(60), Protected: chance(5),
		}
		if chance(10) {
			points[i].Tags = []string{"a=b", fmt.Sprintf("reason=%d", rnd.IntN(2))}
		}
	}
	now := begin.Add(span)
	if chance(20) {
		now = begin.Add(upTo(rnd, span))
	}
	return randomPolicy(rnd), points, now
}

func upTo(rnd *rand.Rand, d time.Duration) time.Duration { return time.Duration(rnd.Int64N(int64(d))) }

func randomPolicy(rnd *rand.Rand) (p retention.Policy) {
	for _, n := range []*int{&p.Last, &p.Hourly, &p.Daily, &p.Weekly, &p.Monthly, &p.Quarterly, &p.Yearly} {
		if rnd.IntN(3) == 0 {
			*n = rnd.IntN(5) - 1
		}
	}
	if rnd.IntN(4) == 0 {
		p.Within = retention.Duration{Days: rnd.IntN(30), Hours: rnd.IntN(30)}
	}
	if rnd.IntN(4) == 0 {
		p.Tags = []string{"reason=1"}
	}
	p.Further = rnd.IntN(2) == 0
	p.RequireVerified, p.AllowEmpty = rnd.IntN(3) == 0, rnd.IntN(3) == 0
	if zones := []string{"", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"}; rnd.IntN(2) == 0 {
		p.Location, _ = time.LoadLocation(zones[rnd.IntN(len(zones))])
	}
	return p
}

// TestJunkPushesNothingOut adds junk to random histories: what was kept stays kept, but for junk that better junk follows.
func TestJunkPushesNothingOut(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		p, points, now := randomHistory(rnd)
		before := p.Plan(points, now)
		attacked := slices.Clone(points)
		for range 1 + rnd.IntN(20) {
			junk := retention.Point{Time: now.Add(upTo(rnd, 2000*time.Hour) - 1000*time.Hour)}
			switch rnd.IntN(4) {
			case 0:
				junk.Failed = true
			case 1:
				junk.Damaged = true
			case 2:
				junk.Flagged = true
			case 3:
				junk.Time = now.Add(1 + upTo(rnd, 100*365*24*time.Hour))
			}
			attacked = append(attacked, junk)
		}
		after := p.Plan(attacked, now)
		for i := range points {
			if before[i].Keep && !after[i].Keep {
				t.Fatalf("seed %d: %v (%q) was pushed out: %q, under %+v", seed, points[i], before[i].Reasons, after[i].Reasons, p)
			}
		}
	}
}
