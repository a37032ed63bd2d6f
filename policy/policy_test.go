package policy_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"vbfs/index/retention"
	"vbfs/policy"
)

func book(t *testing.T, definitions ...string) (b policy.Book) {
	t.Helper()
	for _, d := range definitions {
		if err := b.Define(d); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// What values mean, as a point would record it.
func TestParse(t *testing.T) {
	t.Parallel()
	b := book(t, "gold=30D,12M", "Silver=7d", "platinum=gold 3Y", "weekly=4W", "ruhe=none")
	for value, want := range map[string]string{
		"": "none", "  ": "none", "none": "none", "OFF": "none", "no": "none", "ruhe": "none", ",;": "none",
		"1D 1M 1Q 1Y": "1D 1M 1Q 1Y", "1y;1q,1m\t1d": "1D 1M 1Q 1Y", "7D 4W 12M 4Q 3Y": "7D 4W 12M 4Q 3Y", "24h": "24H",
		"daily,monthly": "daily monthly", "Daily 7D": "daily", "7D 9d 8D": "9D", "quarterly,yearly": "quarterly yearly", "hourly": "hourly",
		"yes": "yes", "on": "yes", "yes 7D": "7D", "gold": "30D 12M", "GOLD": "30D 12M", "silver,12M": "7D 12M", "platinum": "30D 12M 3Y",
		"weekly": "4W", "99999D": "99999D", "07D": "7D", "1D\u00a01M": "1D 1M",
	} {
		p, err := b.Parse(value)
		if err != nil || p.String() != want || p.Asks() != (want != "none") {
			t.Errorf("%q: %q, %v", value, p, err)
		}
		again, err := policy.Book{}.Parse(p.String())
		if err != nil || again != p {
			t.Errorf("%q is read again as %q, %v", p, again, err)
		}
	}
}

// What is not understood is backed up, and nothing of it goes.
func TestNotUnderstood(t *testing.T) {
	t.Parallel()
	b := book(t, "gold=30D")
	for _, value := range []string{
		"dayly", "7", "D", "7X", "0D", "-1D", "7D 0W", "100000D", "1 D", "7D/4W", "none 1D", "daily,no", "golden", "ＤＡＩＬＹ1", "1.5D", strings.Repeat("1D ", 400),
	} {
		p, err := b.Parse(value)
		if !errors.Is(err, policy.ErrValue) || p != policy.Always || !p.Asks() || !p.Rules().Empty() {
			t.Errorf("%q: %q, %v", value, p, err)
		}
	}
	if _, err := b.Parse("silver"); !strings.Contains(err.Error(), `"silver"`) || !strings.Contains(err.Error(), "gold") {
		t.Errorf("%v", err)
	}
	for _, d := range []string{"", "gold", "=7D", "7d=1D", "a b=1D", "a=9", "a=b", "a,b=1D", "é=1X"} {
		if err := b.Define(d); !errors.Is(err, policy.ErrValue) {
			t.Errorf("%q: %v", d, err)
		}
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	p, err := policy.Book{}.Parse("7D 4W 12M 4Q yearly")
	r := p.Rules()
	if err != nil || r.Daily != 7 || r.Weekly != 4 || r.Monthly != 12 || r.Quarterly != 4 || r.Yearly != retention.All || r.Hourly != 0 || !r.Further {
		t.Errorf("%+v, %v", r, err)
	}
	if (policy.Policy{}).Asks() {
		t.Error("nothing asks for a backup")
	}
}

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// A backup is due when a period that the policy speaks of has no point yet, by the zone's calendar.
func TestDue(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	last := "2026-11-20T22:30:00Z" // a Friday; in Berlin it is 23:30
	for _, c := range []struct {
		value, now string
		zone       *time.Location
		due        bool
	}{
		{"1D", "2026-11-20T23:59:59Z", time.UTC, false},
		{"1D", "2026-11-21T00:00:00Z", time.UTC, true},
		{"1D", "2026-11-20T22:59:59Z", berlin, false},
		{"1D", "2026-11-20T23:00:00Z", berlin, true},
		{"daily", "2026-11-20T23:00:00Z", berlin, true},
		{"1W", "2026-11-22T22:59:59Z", berlin, false},
		{"1W", "2026-11-22T23:00:00Z", berlin, true}, // Monday
		{"1W 1M", "2026-11-30T00:00:00Z", time.UTC, true},
		{"1M", "2026-11-30T23:59:59Z", time.UTC, false},
		{"1M", "2026-12-01T00:00:00Z", time.UTC, true},
		{"4Q", "2026-12-31T23:59:59Z", time.UTC, false},
		{"4Q 3Y", "2027-01-01T00:00:00Z", time.UTC, true},
		{"3Y", "2026-12-31T23:00:00Z", berlin, true},
		{"24H", "2026-11-20T22:59:59Z", time.UTC, false},
		{"24H", "2026-11-20T23:00:00Z", time.UTC, true},
		{"yes", "2026-11-20T22:30:01Z", time.UTC, true},
		{"none", "2027-11-20T22:30:01Z", time.UTC, false},
		{"1D", "2026-11-20T22:29:59Z", time.UTC, true}, // the point is of the future
	} {
		p, err := policy.Book{}.Parse(c.value)
		if err != nil {
			t.Fatal(err)
		}
		now := instant(t, c.now).In(c.zone)
		if due, has := p.Due([]retention.Point{{Time: instant(t, last)}}, now); due != c.due || (has == "") != (c.due || !p.Asks()) {
			t.Errorf("%s at %s: due %v, has %q", c.value, now, due, has)
		}
	}
	p, _ := policy.Book{}.Parse("1D")
	at := instant(t, last)
	for _, q := range []retention.Point{{Time: at, Failed: true}, {Time: at, Damaged: true}} {
		if due, _ := p.Due([]retention.Point{q}, at); !due {
			t.Errorf("%+v counts", q)
		}
	}
	if due, _ := p.Due([]retention.Point{{Time: at, Flagged: true}}, at); due {
		t.Error("an anomaly is a backup all the same")
	}
}

// TestDueModel compares with a plain search through days, over random histories.
func TestDueModel(t *testing.T) {
	t.Parallel()
	zones := []string{"UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu"}
	for seed := range uint64(3000) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		zone, _ := time.LoadLocation(zones[rnd.IntN(len(zones))])
		now := time.Date(2026, time.Month(1+rnd.IntN(12)), 1+rnd.IntN(31), rnd.IntN(24), rnd.IntN(60), 0, 0, zone)
		var points []retention.Point
		for range rnd.IntN(4) {
			back := time.Duration(rnd.Int64N(int64([]time.Duration{3, 30, 300, 9000}[rnd.IntN(4)] * time.Hour)))
			points = append(points, retention.Point{Time: now.Add(-back).UTC(), Failed: rnd.IntN(6) == 0})
		}
		letters := "DWMQY"
		i := rnd.IntN(len(letters))
		p, _ := policy.Book{}.Parse("3" + letters[i:i+1])
		first := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, zone)
		for !begins(first, letters[i]) {
			first = first.AddDate(0, 0, -1)
		}
		want := true
		for _, q := range points {
			if !q.Failed && !q.Time.Before(first) {
				want = false
			}
		}
		if due, _ := p.Due(points, now); due != want {
			t.Fatalf("seed %d: %s at %v, since %v: %+v: due %v", seed, p, now, first, points, due)
		}
	}
}

// begins tells whether a period begins with that day.
func begins(day time.Time, letter byte) bool {
	switch letter {
	case 'W':
		return day.Weekday() == time.Monday
	case 'M':
		return day.Day() == 1
	case 'Q':
		return day.Day() == 1 && day.Month()%3 == 1
	case 'Y':
		return day.YearDay() == 1
	}
	return true
}

func FuzzParse(f *testing.F) {
	f.Add("1D 1M 1Q 1Y")
	f.Add("daily,none;7W")
	f.Fuzz(func(t *testing.T, value string) {
		p, err := policy.Book{}.Parse(value)
		if err != nil && p != policy.Always {
			t.Fatalf("%q: %q", value, p)
		}
		if again, err := (policy.Book{}).Parse(p.String()); err != nil || again != p {
			t.Fatalf("%q is %q, and that is %q, %v", value, p, again, err)
		}
	})
}
