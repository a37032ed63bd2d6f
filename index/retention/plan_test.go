package retention_test

import (
	"strings"
	"testing"
	"time"

	"vbfs/index/retention"
)

// A history is written as points of one line each: an instant and what there is to say of it.
func history(t *testing.T, lines ...string) (points []retention.Point) {
	t.Helper()
	for _, line := range lines {
		words := strings.Fields(line)
		at, err := time.Parse(time.RFC3339, words[0])
		if err != nil {
			t.Fatal(err)
		}
		p := retention.Point{Time: at}
		for _, w := range words[1:] {
			switch w {
			case "failed":
				p.Failed = true
			case "damaged":
				p.Damaged = true
			case "flagged":
				p.Flagged = true
			case "verified":
				p.Verified = true
			case "protected":
				p.Protected = true
			default:
				p.Tags = append(p.Tags, w)
			}
		}
		points = append(points, p)
	}
	return points
}

func zone(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return loc
}

func within(s string) retention.Duration {
	d, err := retention.ParseDuration(s)
	if err != nil {
		panic(err)
	}
	return d
}

var now = time.Date(2027, 1, 10, 0, 0, 0, 0, time.UTC)

// Each line of a table is a point, and behind the arrow why it is kept; nothing there means that it goes.
func TestPlan(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		policy retention.Policy
		table  string
	}{
		{"last", retention.Policy{Last: 2}, `
			2026-11-18T01:00:00Z ->
			2026-11-19T01:00:00Z -> last 2
			2026-11-20T01:00:00Z -> newest good point, last 1`},
		{"same second", retention.Policy{Last: 1}, `
			2026-11-20T01:00:00Z ->
			2026-11-20T01:00:00Z -> newest good point, last 1`},
		{"daily", retention.Policy{Daily: 2}, `
			2026-11-17T01:00:00Z ->
			2026-11-18T01:00:00Z ->
			2026-11-18T23:59:59Z -> daily 2026-11-18
			2026-11-20T00:00:00Z ->
			2026-11-20T01:00:00Z -> newest good point, daily 2026-11-20`},
		{"daily in a zone", retention.Policy{Daily: 3, Location: zone("Asia/Tokyo")}, `
			2026-11-18T14:59:59Z -> daily 2026-11-18
			2026-11-18T15:00:00Z ->
			2026-11-19T14:00:00Z -> daily 2026-11-19
			2026-11-19T16:00:00Z -> newest good point, daily 2026-11-20`},
		{"the hour that comes twice", retention.Policy{Hourly: 3, Location: zone("Europe/Berlin")}, `
			2026-10-24T23:30:00Z -> hourly 2026-10-25T01+02:00
			2026-10-25T00:10:00Z ->
			2026-10-25T00:30:00Z -> hourly 2026-10-25T02+02:00
			2026-10-25T01:30:00Z -> newest good point, hourly 2026-10-25T02+01:00`},
		{"the hour that is left out", retention.Policy{Hourly: 2, Location: zone("Europe/Berlin")}, `
			2026-03-29T00:10:00Z ->
			2026-03-29T00:59:59Z -> hourly 2026-03-29T01+01:00
			2026-03-29T01:00:00Z -> newest good point, hourly 2026-03-29T03+02:00`},
		{"a day of 25 hours", retention.Policy{Daily: 1, Within: within("1d"), Location: zone("Europe/Berlin")}, `
			2026-10-24T21:29:59Z ->
			2026-10-24T21:30:00Z -> within 1d
			2026-10-25T22:30:00Z -> newest good point, daily 2026-10-25, within 1d`},
		{"24 hours of it", retention.Policy{Within: within("24h"), Location: zone("Europe/Berlin")}, `
			2026-10-24T22:29:59Z ->
			2026-10-24T22:30:00Z -> within 24h
			2026-10-25T22:30:00Z -> newest good point, within 24h`},
		{"midnight that comes twice", retention.Policy{Daily: 3, Location: zone("America/St_Johns")}, `
			2006-10-28T01:00:00Z -> daily 2006-10-27
			2006-10-29T02:00:00Z ->
			2006-10-29T02:30:30Z -> daily 2006-10-29
			2006-10-29T03:00:00Z -> newest good point, daily 2006-10-28`},
		{"ISO week 53", retention.Policy{Weekly: 3}, `
			2020-12-27T12:00:00Z -> weekly 2020-W52
			2020-12-28T00:00:00Z ->
			2021-01-03T23:59:59Z -> weekly 2020-W53
			2021-01-04T00:00:00Z -> newest good point, weekly 2021-W01`},
		{"monthly and yearly", retention.Policy{Monthly: 2, Yearly: retention.All}, `
			2024-02-29T01:00:00Z -> yearly 2024
			2025-01-31T01:00:00Z ->
			2025-11-30T01:00:00Z -> monthly 2025-11, yearly 2025
			2026-01-01T00:00:00Z -> newest good point, monthly 2026-01, yearly 2026`},
		{"months end", retention.Policy{Within: within("1m")}, `
			2026-02-27T23:59:59Z ->
			2026-02-28T00:00:00Z -> within 1m
			2026-03-31T00:00:00Z -> newest good point, within 1m`},
		{"leap day", retention.Policy{Within: within("1y1d")}, `
			2023-02-26T23:59:59Z ->
			2023-02-27T00:00:00Z -> within 1y1d
			2024-02-29T00:00:00Z -> newest good point, within 1y1d`},
		{"weeks", retention.Policy{Within: within("2w")}, `
			2026-11-05T23:59:59Z ->
			2026-11-06T00:00:00Z -> within 2w
			2026-11-20T00:00:00Z -> newest good point, within 2w`},
		{"tags and protection", retention.Policy{Last: 1, Tags: []string{"reason=upgrade"}}, `
			2026-11-17T01:00:00Z reason=upgrade -> tag reason=upgrade
			2026-11-18T01:00:00Z reason=upgrades ->
			2026-11-19T01:00:00Z protected -> protected
			2026-11-20T01:00:00Z -> newest good point, last 1`},
		{"junk is not counted", retention.Policy{Last: 2}, `
			2026-11-15T01:00:00Z failed ->
			2026-11-16T01:00:00Z -> last 2
			2026-11-17T01:00:00Z damaged ->
			2026-11-18T01:00:00Z -> newest good point, last 1
			2026-11-19T01:00:00Z failed -> failed: no newer good point
			2026-11-20T01:00:00Z damaged -> damaged: no newer good point`},
		{"nothing good", retention.Policy{Last: 1}, `
			2026-11-19T01:00:00Z failed -> failed: no newer good point
			2026-11-20T01:00:00Z failed -> failed: no newer good point`},
		{"the future", retention.Policy{Last: 1, Within: within("1d")}, `
			2026-11-18T01:00:00Z ->
			2026-11-19T12:00:00Z -> within 1d
			2026-11-20T01:00:00Z -> newest good point, last 1, within 1d
			2027-01-10T00:00:01Z -> in the future
			2199-01-01T00:00:00Z -> in the future`},
		{"an attack", retention.Policy{Last: 1, Daily: 2}, `
			2026-11-10T01:00:00Z ->
			2026-11-11T01:00:00Z -> before an anomaly: daily 2026-11-11
			2026-11-12T01:00:00Z -> before an anomaly: newest good point, before an anomaly: last 1, before an anomaly: daily 2026-11-12
			2026-11-13T01:00:00Z flagged -> anomaly that was not accepted
			2026-11-14T01:00:00Z ->
			2026-11-18T01:00:00Z -> daily 2026-11-18
			2026-11-19T01:00:00Z -> newest good point, last 1, daily 2026-11-19`},
		{"two anomalies", retention.Policy{Last: 1}, `
			2026-11-10T01:00:00Z ->
			2026-11-12T01:00:00Z -> before an anomaly: newest good point, before an anomaly: last 1
			2026-11-13T01:00:00Z flagged -> anomaly that was not accepted
			2026-11-14T01:00:00Z ->
			2026-11-15T01:00:00Z -> before an anomaly: newest good point, before an anomaly: last 1
			2026-11-16T01:00:00Z flagged -> anomaly that was not accepted
			2026-11-17T01:00:00Z -> newest good point, last 1`},
		{"verified ones", retention.Policy{Last: 1, RequireVerified: true}, `
			2026-11-16T01:00:00Z verified ->
			2026-11-17T01:00:00Z ->
			2026-11-18T01:00:00Z verified -> newest good point, last 1
			2026-11-19T01:00:00Z -> not verified: no newer good point
			2026-11-20T01:00:00Z -> not verified yet: newest good point, not verified yet: last 1`},
		{"verified now and then", retention.Policy{Daily: 2, RequireVerified: true}, `
			2026-11-15T01:00:00Z verified ->
			2026-11-16T01:00:00Z verified -> daily 2026-11-16
			2026-11-17T01:00:00Z ->
			2026-11-18T01:00:00Z -> not verified yet: daily 2026-11-18
			2026-11-19T01:00:00Z verified -> newest good point, daily 2026-11-19`},
		{"empty machine", retention.Policy{Tags: []string{"a=b"}, AllowEmpty: true}, `
			2026-11-19T01:00:00Z ->
			2026-11-20T01:00:00Z ->`},
		{"not empty", retention.Policy{Tags: []string{"a=b"}}, `
			2026-11-19T01:00:00Z ->
			2026-11-20T01:00:00Z -> newest good point`},
		{"no rule", retention.Policy{RequireVerified: true, AllowEmpty: true}, `
			2026-11-19T01:00:00Z -> no rule
			2026-11-20T01:00:00Z failed -> no rule`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var lines, want []string
			for line := range strings.SplitSeq(strings.TrimSpace(test.table), "\n") {
				before, after, _ := strings.Cut(line, "->")
				lines, want = append(lines, before), append(want, strings.TrimSpace(after))
			}
			for i, v := range test.policy.Plan(history(t, lines...), now) {
				got := ""
				if v.Keep {
					got = strings.Join(v.Reasons, ", ")
				}
				if got != want[i] {
					t.Errorf("%s: kept for %q, not %q", strings.TrimSpace(lines[i]), got, want[i])
				}
			}
		})
	}
}

// Who goes is told why.
func TestReasonsToGo(t *testing.T) {
	points := history(t, "2026-11-15T00:00:00Z failed", "2026-11-16T00:00:00Z damaged", "2026-11-17T00:00:00Z",
		"2026-11-18T00:00:00Z verified", "2026-11-19T00:00:00Z verified")
	p := retention.Policy{Last: 1, RequireVerified: true}
	for i, want := range []string{"failed", "damaged", "not verified", "no rule keeps it", "newest good point"} {
		if v := p.Plan(points, now)[i]; v.Reasons[0] != want {
			t.Errorf("point %d: %q, not %q", i, v.Reasons, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for s, want := range map[string]retention.Duration{
		"30d": {Days: 30}, "2w": {Weeks: 2}, "1y5m7d2h": {Years: 1, Months: 5, Days: 7, Hours: 2}, "36h": {Hours: 36},
		"1y2m3w4d5h": {1, 2, 3, 4, 5},
	} {
		if d, err := retention.ParseDuration(s); err != nil || d != want || d.String() != s {
			t.Errorf("%s is %+v, %v", s, d, err)
		}
	}
	for _, s := range []string{"", "0d", "d", "30", "1h30m", "2d1d", "-1d", "1.5d", "1D", " 1d", "100000d", "٣d", "1d\n"} {
		if d, err := retention.ParseDuration(s); err == nil {
			t.Errorf("%q is %+v", s, d)
		}
	}
}

// Many points with many flags are judged in no time.
func TestManyPoints(t *testing.T) {
	points := make([]retention.Point, 10_000)
	for i := range points {
		points[i] = retention.Point{Time: now.Add(time.Duration(i-len(points)) * time.Hour), Flagged: i%100 == 0}
	}
	p := retention.Policy{Last: 10, Hourly: 10, Daily: 10, Weekly: 10, Monthly: 10, Yearly: 10}
	start := time.Now()
	p.Plan(points, now)
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}
