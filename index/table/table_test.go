package table

import (
	"encoding/binary"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"vbfs/index/block"
	"vbfs/index/format"
)

// newEntries makes n entries of seed, in packs of 2,000 blocks.
func newEntries(seed uint64, n int) []Entry {
	r := rand.New(rand.NewPCG(seed, 1))
	entries := make([]Entry, n)
	for i := range entries {
		e := &entries[i]
		binary.BigEndian.PutUint64(e.Key[:], r.Uint64())
		binary.BigEndian.PutUint64(e.Key[8:], r.Uint64())
		binary.LittleEndian.PutUint64(e.At.Pack[:], seed<<32|uint64(i/2000))
		e.At.Slot = uint16(i % 2000)
	}
	return entries
}

func blockID(key [16]byte) (id block.ID) {
	copy(id[:], key[:])
	return id
}

func write(t testing.TB, dir string, entries []Entry, points ...Point) string {
	t.Helper()
	name, err := Write(dir, entries, points)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func open(t testing.TB, dir string) *Table {
	t.Helper()
	tab, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tab.Close() })
	return tab
}

// has tells whether the table proposes that address for that key.
func has(tab *Table, e Entry) bool {
	return tab.Lookup(blockID(e.Key), func(a format.Address) bool { return a == e.At })
}

// checkFile lets bbolt itself check a segment.
func checkFile(t testing.TB, dir, name string) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, name), 0, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			t.Errorf("%s: bbolt: %v", name, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSmoke(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []int{1, 10, 100, 1000, 100000, 300000} {
		es := newEntries(uint64(n), n)
		name := write(t, dir, es)
		checkFile(t, dir, name)
		tab := open(t, dir)
		for _, e := range es {
			if !has(tab, e) {
				t.Fatal(n, e)
			}
		}
		t.Log(tab.Segments()[0], float64(tab.Segments()[0].Bytes)/float64(n), tab.Problems(), len(tab.Packs()))
	}
}
