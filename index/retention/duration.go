package retention

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Duration is a length of time by the calendar. The zero value is none.
type Duration struct {
	Years, Months, Weeks, Days, Hours int
}

// durations are numbers of at most 5 digits with their units, the larger ones first: so 1h30m, where the m would be months,
// is none.
var durations = regexp.MustCompile(`^(?:(\d{1,5})y)?(?:(\d{1,5})m)?(?:(\d{1,5})w)?(?:(\d{1,5})d)?(?:(\d{1,5})h)?$`)

// ParseDuration reads what String writes: 30d, 2w, 1y5m7d2h. A length of nothing is none.
func ParseDuration(s string) (d Duration, err error) {
	parts := durations.FindStringSubmatch(s)
	if parts != nil {
		for i, p := range d.parts() {
			*p.n, _ = strconv.Atoi(parts[i+1]) // digits, or nothing
		}
	}
	if d == (Duration{}) {
		return d, fmt.Errorf("%q is no length of time: say 30d, or 1y6m2w7d12h of years, months, weeks, days and hours", s)
	}
	return d, nil
}

type part struct {
	n    *int
	unit string
}

func (d *Duration) parts() [5]part {
	return [5]part{{&d.Years, "y"}, {&d.Months, "m"}, {&d.Weeks, "w"}, {&d.Days, "d"}, {&d.Hours, "h"}}
}

// String writes the duration as ParseDuration reads it.
func (d Duration) String() string {
	var b strings.Builder
	for _, p := range d.parts() {
		if *p.n != 0 {
			fmt.Fprintf(&b, "%d%s", *p.n, p.unit)
		}
	}
	return b.String()
}

// before gives the instant that lies d before t by the calendar of t's zone. A month has no day 31: its last day stands for
// that, where time.AddDate would go on into the next month and keep less.
func (d Duration) before(t time.Time) time.Time {
	year, month, day := t.Date()
	first := time.Date(year-d.Years, month-time.Month(d.Months), 1, 0, 0, 0, 0, time.UTC)
	day = min(day, first.AddDate(0, 1, -1).Day())
	t = time.Date(first.Year(), first.Month(), day-7*d.Weeks-d.Days, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
	return t.Add(-time.Duration(d.Hours) * time.Hour)
}
