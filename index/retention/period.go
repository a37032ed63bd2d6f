package retention

import (
	"fmt"
	"time"
)

// A Period is a stretch of the calendar that a rule keeps a point of.
type Period int

// Periods, the finer ones first. Weeks are those of ISO 8601; a quarter begins with January, April, July or October.
const (
	Hour Period = iota
	Day
	Week
	Month
	Quarter
	Year
)

// Periods gives all of them, the finer ones first.
func Periods() []Period { return []Period{Hour, Day, Week, Month, Quarter, Year} }

// String is the adverb: daily.
func (p Period) String() string {
	return [...]string{"hourly", "daily", "weekly", "monthly", "quarterly", "yearly"}[p]
}

// Of names the period that an instant is in, by the calendar of the instant's zone: 2026-11-20, 2026-W47, 2026-Q4.
func (p Period) Of(t time.Time) string {
	switch p {
	case Hour:
		return t.Format("2006-01-02T15Z07:00") // when clocks are set back an hour comes twice
	case Day:
		return t.Format(time.DateOnly)
	case Week:
		year, week := t.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	case Month:
		return t.Format("2006-01")
	case Quarter:
		return fmt.Sprintf("%04d-Q%d", t.Year(), (int(t.Month())+2)/3)
	}
	return t.Format("2006")
}
