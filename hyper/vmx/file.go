package vmx

import (
	"iter"
	"strconv"
	"strings"
)

// A File is a configuration. The zero value is an empty one.
type File struct {
	lines    []line
	at       map[string]int // number of the line, by key without its case
	repeated []string
}

// A line of a File.
type line struct {
	raw        string // with its end; of one that was set, what is to be written
	key, value string // no key is a comment, or nothing
}

// New begins a file of UTF-8.
func New() *File {
	f := new(File)
	f.Set(keyEncoding, utf8Name)
	return f
}

// Get gives the value of a key as its bytes are, empty if there is none. Names of files are compared so.
func (f *File) Get(key string) string {
	if n, ok := f.at[strings.ToLower(key)]; ok {
		return f.lines[n].value
	}
	return ""
}

// Has tells whether there is such a key.
func (f *File) Has(key string) bool {
	_, ok := f.at[strings.ToLower(key)]
	return ok
}

// True tells whether a key's value is TRUE, in any case: VMware's other words for it are of long ago, but understood.
func (f *File) True(key string) bool {
	switch strings.ToLower(strings.TrimSpace(f.Get(key))) {
	case "true", "yes", "on", "t", "y", "1":
		return true
	}
	return false
}

// Int gives the value of a key as a number, if it is one.
func (f *File) Int(key string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(f.Get(key)), 10, 64)
	return n, err == nil
}

// All gives keys as they are written and their values' bytes, in order. Of a repeated key it is the last one.
func (f *File) All() iter.Seq2[string, string] {
	return func(yield func(key, value string) bool) {
		for n, l := range f.lines {
			if l.key != "" && f.at[strings.ToLower(l.key)] == n && !yield(l.key, l.value) {
				return
			}
		}
	}
}

// Repeated names the keys that the file has more than once.
func (f *File) Repeated() []string { return f.repeated }

// add appends a line.
func (f *File) add(l line) {
	if f.at == nil {
		f.at = map[string]int{}
	}
	if l.key != "" {
		key := strings.ToLower(l.key)
		if _, ok := f.at[key]; ok {
			f.repeated = append(f.repeated, l.key)
		}
		f.at[key] = len(f.lines)
	}
	f.lines = append(f.lines, l)
}
