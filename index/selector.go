package index

import (
	"fmt"
	"strings"
	"time"

	"vbfs/index/format"
)

// TimeLayout is how points are named: the instant of capture in UTC, without colons.
const TimeLayout = "2006-01-02T15-04-05Z"

// A Selector names a point, and perhaps a disk of it:
//
//	MACHINE  MACHINE@latest                 the newest complete point
//	MACHINE@2026-11-20T20-03-27Z            exactly the point of that name
//	MACHINE@2026-11-19                      the newest before the end of that day, UTC
//	MACHINE@2026-11-19T12:00:00+01:00       the newest at or before that instant
//	MACHINE@1f2e3d4c                        the point whose ID begins so, 8 digits or more
//	…:DISK                                  that disk of it
type Selector struct {
	Machine string
	At      string // what is behind the @; "" is latest
	Disk    string // "" is not said
}

// ParseSelector splits at the last @ whose tail is a time, an ID or latest; the longest valid time first, then :DISK.
func ParseSelector(s string) Selector {
	for i := strings.LastIndexByte(s, '@'); i > 0; i = strings.LastIndexByte(s[:i], '@') {
		if at, disk, ok := splitTail(s[i+1:]); ok {
			return Selector{s[:i], at, disk}
		}
	}
	machine, disk, _ := cutLast(s, ':')
	return Selector{Machine: machine, Disk: disk}
}

// splitTail parts what may be a time and a disk: times of RFC 3339 have colons of their own.
func splitTail(tail string) (at, disk string, ok bool) {
	if isInstant(tail) {
		return tail, "", true
	}
	for i := len(tail) - 1; i > 0; i-- {
		if tail[i] == ':' && isInstant(tail[:i]) {
			return tail[:i], tail[i+1:], true
		}
	}
	return "", "", false
}

func isInstant(s string) bool {
	if s == "latest" || isIDPrefix(s) {
		return true
	}
	for _, layout := range []string{TimeLayout, time.DateOnly, time.RFC3339} {
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	return false
}

func isIDPrefix(s string) bool {
	return len(s) >= 8 && len(s) <= 32 && strings.Trim(s, "0123456789abcdef") == ""
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i > 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// String writes the selector as users do.
func (s Selector) String() string {
	out := s.Machine
	if s.At != "" {
		out += "@" + s.At
	}
	if s.Disk != "" {
		out += ":" + s.Disk
	}
	return out
}

// Find gives the point that s selects among points, which are in order of time for each machine. ErrNoPoint when there
// is none.
func (s Selector) Find(points []*format.Manifest) (*format.Manifest, error) {
	fits, err := s.matcher()
	if err != nil {
		return nil, err
	}
	var found *format.Manifest
	for _, p := range points {
		if p.MachineName != s.Machine || !fits(p) {
			continue
		}
		if found != nil && isIDPrefix(s.At) {
			return nil, fmt.Errorf("%v fits %v and %v: %w", s, found.Point, p.Point, ErrNoPoint)
		}
		found = p
	}
	if found == nil {
		return nil, fmt.Errorf("%v: %w", s, ErrNoPoint)
	}
	return found, nil
}

func (s Selector) matcher() (func(*format.Manifest) bool, error) {
	if s.At == "" || s.At == "latest" {
		return (*format.Manifest).Complete, nil
	}
	if _, err := time.Parse(TimeLayout, s.At); err == nil {
		return func(p *format.Manifest) bool { return p.Name == s.At }, nil
	}
	if isIDPrefix(s.At) {
		return func(p *format.Manifest) bool { return strings.HasPrefix(p.Point.String(), s.At) }, nil
	}
	if day, err := time.Parse(time.DateOnly, s.At); err == nil {
		end := day.AddDate(0, 0, 1)
		return func(p *format.Manifest) bool { return p.Complete() && p.Time.Before(end) }, nil
	}
	instant, err := time.Parse(time.RFC3339, s.At)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, ErrNoPoint)
	}
	return func(p *format.Manifest) bool { return p.Complete() && !p.Time.After(instant) }, nil
}
