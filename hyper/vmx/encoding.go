package vmx

import (
	"strings"
	"unicode/utf8"
)

const (
	keyEncoding = ".encoding"
	utf8Name    = "UTF-8"
)

// Text gives the value of a key as UTF-8. Of encodings, the ones of western Windows are known; in others, what is not UTF-8 becomes U+FFFD.
func (f *File) Text(key string) string { return f.text(f.Get(key)) }

func (f *File) text(value string) string {
	switch strings.ToLower(f.Get(keyEncoding)) {
	case "windows-1252", "iso-8859-1":
		return fromWindows(value)
	}
	return strings.ToValidUTF8(value, "\uFFFD")
}

func (f *File) isUTF8() bool {
	name := f.Get(keyEncoding)
	return name == "" || strings.EqualFold(name, utf8Name)
}

// recode makes the file one of UTF-8.
func (f *File) recode() {
	for n, l := range f.lines {
		if l.key == "" {
			f.lines[n].raw = f.text(l.raw)
		} else if !ascii(l.value) {
			f.set(l.key, f.text(l.value))
		}
	}
	f.set(keyEncoding, utf8Name)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// windows are the characters 0x80 to 0x9f of code page 1252; the rest of it is that of ISO 8859-1. HTML reads both so, too
// (WHATWG Encoding Standard, index windows-1252).
var windows = []rune("€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ")

func fromWindows(s string) string {
	if ascii(s) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c >= 0x80 && c <= 0x9f {
			b.WriteRune(windows[c-0x80])
		} else {
			b.WriteRune(rune(c))
		}
	}
	return b.String()
}
