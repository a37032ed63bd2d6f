package vmx

import (
	"fmt"
	"slices"
	"strings"
)

// Set gives a key a value, which is UTF-8; a file in another encoding becomes one of UTF-8 by that, if it matters. A key that the
// file has keeps its place, another one goes to the end. A key is of letters, digits and dots, and the like: no space, = or #.
func (f *File) Set(key, value string) {
	if !ascii(value) && !f.isUTF8() {
		f.recode()
	}
	f.set(key, value)
}

func (f *File) set(key, value string) {
	l := line{key: key, value: value, raw: fmt.Sprintf("%s = \"%s\"\n", key, escape(value))}
	n, ok := f.at[strings.ToLower(key)]
	if !ok {
		f.endLine()
		f.add(l)
		return
	}
	l.key = f.lines[n].key
	l.raw = fmt.Sprintf("%s = \"%s\"\n", l.key, escape(value))
	f.lines[n] = l
	if slices.ContainsFunc(f.repeated, func(k string) bool { return strings.EqualFold(k, key) }) {
		f.drop(func(m int, have string) bool { return m != n && strings.EqualFold(have, key) })
	}
}

// Delete takes keys out of the file.
func (f *File) Delete(keys ...string) {
	f.drop(func(_ int, have string) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(have, k) })
	})
}

// drop takes out lines by their number and key.
func (f *File) drop(out func(n int, key string) bool) {
	var left File
	for n, l := range f.lines {
		if l.key == "" || !out(n, l.key) {
			left.add(l)
		}
	}
	*f = left
}

// endLine ends the last line, which a file need not do.
func (f *File) endLine() {
	if n := len(f.lines) - 1; n >= 0 && !strings.HasSuffix(f.lines[n].raw, "\n") {
		f.lines[n].raw += "\n"
	}
}

// Marshal writes the file.
func (f *File) Marshal() []byte {
	var b []byte
	for _, l := range f.lines {
		b = append(b, l.raw...)
	}
	return b
}

// escape writes what cannot stand in quotes as |XX: quotes, the bar, and control characters but the tab.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c == '"' || c == '|' || c == 0x7f || c < ' ' && c != '\t' {
			fmt.Fprintf(&b, "|%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
