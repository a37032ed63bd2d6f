package table

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Whatever a segment's bytes are, under the name that they hash to, reading it ends, and another segment stays of use.
func FuzzSegment(f *testing.F) {
	seed := f.TempDir()
	name, err := Write(seed, newEntries(1, 300), nil)
	if err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(seed, name))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	entries, others := newEntries(1, 300), newEntries(2, 10)
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if _, err := Write(dir, newEntries(2, 10), nil); err != nil {
			t.Fatal(err)
		}
		name, err := nameOf(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, fileMode); err != nil {
			t.Fatal(err)
		}
		tab := open(t, dir)
		defer tab.Close()
		exercise(tab, entries)
		for _, e := range others {
			if !has(tab, e) {
				t.Fatal("a whole segment has lost an entry")
			}
		}
	})
}
