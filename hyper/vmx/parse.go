package vmx

import (
	"fmt"
	"strconv"
	"strings"
)

// Bounds of what is taken for a configuration: VMware's have some hundred lines, and a megabyte at most of a guest's own (guestinfo).
const (
	MaxSize  = 4 << 20 // bytes
	maxLines = 1 << 16
)

// byteOrderMark may begin a file of UTF-8.
const byteOrderMark = "\xef\xbb\xbf"

// Parse takes a configuration apart: ErrSyntax, ErrTooBig.
func Parse(text []byte) (*File, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooBig, len(text))
	}
	f := new(File)
	for raw := range strings.Lines(string(text)) {
		if len(f.lines) == maxLines {
			return nil, fmt.Errorf("%w: more than %d lines", ErrTooBig, maxLines)
		}
		l, ok := parseLine(raw, len(f.lines) == 0)
		if !ok {
			return nil, fmt.Errorf("%w: line %d: %.60q", ErrSyntax, len(f.lines)+1, raw)
		}
		f.add(l)
	}
	return f, nil
}

// blanks are what VMware takes for space within a line.
const blanks = " \t"

func parseLine(raw string, first bool) (l line, ok bool) {
	l.raw = raw
	s := strings.TrimSuffix(strings.TrimSuffix(raw, "\n"), "\r")
	if first {
		s = strings.TrimPrefix(s, byteOrderMark)
	}
	s = strings.Trim(s, blanks)
	if s == "" || s[0] == '#' {
		return l, true
	}
	end := strings.IndexAny(s, blanks+"=#")
	if end <= 0 || strings.ContainsAny(s, "\x00\r") {
		return l, false
	}
	rest, ok := strings.CutPrefix(strings.TrimLeft(s[end:], blanks), "=")
	if !ok {
		return l, false
	}
	value, rest, ok := parseValue(strings.TrimLeft(rest, blanks))
	rest = strings.TrimLeft(rest, blanks)
	if !ok || rest != "" && rest[0] != '#' {
		return l, false
	}
	l.key, l.value = s[:end], unescape(value)
	return l, true
}

// parseValue takes a value off what begins with it.
func parseValue(s string) (value, rest string, ok bool) {
	if s, quoted := strings.CutPrefix(s, `"`); quoted {
		return strings.Cut(s, `"`)
	}
	end := strings.IndexAny(s, blanks+"#")
	if end < 0 {
		end = len(s)
	}
	return s[:end], s[end:], true
}

// unescape reads |XX as the byte of that number. What only looks like one stays.
func unescape(s string) string {
	if !strings.Contains(s, "|") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '|' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
