package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Printable makes a text safe to print: names come from disks and strangers, and control characters can rule a terminal.
func Printable(s string) string {
	if !strings.ContainsFunc(s, unsafe) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unsafe(r) {
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unsafe tells of control characters, and of those that turn the direction of writing.
func unsafe(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }

var units = []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}

// Size writes bytes for people, with three digits.
func Size(n int64) string {
	v, u := float64(n), 0
	for v >= 1000 && u < len(units)-1 {
		v /= 1024
		u++
	}
	switch {
	case u == 0:
		return fmt.Sprintf("%d B", n)
	case v < 9.995:
		return fmt.Sprintf("%.2f %s", v, units[u])
	case v < 99.95:
		return fmt.Sprintf("%.1f %s", v, units[u])
	}
	return fmt.Sprintf("%.0f %s", v, units[u])
}

// ParseSize reads bytes: a number, perhaps with K, M, G or T, which count by 1024; Ki, KiB and KB mean the same.
func ParseSize(s string) (int64, error) {
	number := strings.TrimRight(s, "KMGTiB")
	factor, known := factors[s[len(number):]]
	v, err := strconv.ParseFloat(number, 64)
	if v *= factor; err != nil || !known || !(v >= 0 && v < 1<<62) { // NaN is neither
		return 0, fmt.Errorf("%q is no size: say 100M or 1.5GiB", s)
	}
	return int64(v), nil
}

// factors of the units that ParseSize knows.
var factors = map[string]float64{
	"": 1, "B": 1,
	"K": 1 << 10, "KB": 1 << 10, "Ki": 1 << 10, "KiB": 1 << 10,
	"M": 1 << 20, "MB": 1 << 20, "Mi": 1 << 20, "MiB": 1 << 20,
	"G": 1 << 30, "GB": 1 << 30, "Gi": 1 << 30, "GiB": 1 << 30,
	"T": 1 << 40, "TB": 1 << 40, "Ti": 1 << 40, "TiB": 1 << 40,
}

// SizeFlag is a flag in bytes.
type SizeFlag int64

// String writes the default; nothing when that is no size at all.
func (f *SizeFlag) String() string {
	if *f == 0 {
		return ""
	}
	return Size(int64(*f))
}

// Type is for the help text.
func (f *SizeFlag) Type() string { return "SIZE" }

// Set reads the flag.
func (f *SizeFlag) Set(s string) error {
	n, err := ParseSize(s)
	*f = SizeFlag(n)
	return err
}

// Instant writes a time for people.
func Instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// Took writes how long something took.
func Took(d time.Duration) string {
	if d < time.Minute {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func trimNewline(s string) string { return strings.TrimRight(s, "\r\n") }
