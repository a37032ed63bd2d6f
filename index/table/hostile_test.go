package table

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"vbfs/index/format"
)

// tamper changes the pages of a segment that has branches and gives the file its true name again, as who wants to harm
// would: hashes then agree.
func tamper(t *testing.T, change func(p page, id int)) (tab *Table, dir string, entries []Entry) {
	t.Helper()
	dir, entries = t.TempDir(), newEntries(1, 30_000)
	name := write(t, dir, entries, somePoints()...)
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	branches := 0
	for id := 2; id < len(b)/pageSize; id++ {
		if p, err := parsePage(b[id*pageSize:][:pageSize]); err == nil && !p.leaf && p.n > 0 {
			branches++
			change(p, id)
		}
	}
	if branches == 0 {
		t.Fatal("the segment has no branches")
	}
	return plant(t, dir, name, b), dir, entries
}

// plant puts bytes in a segment's place, under the name that they have.
func plant(t *testing.T, dir, name string, b []byte) *Table {
	t.Helper()
	own, err := nameOf(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, name)), os.WriteFile(filepath.Join(dir, own), b, fileMode)); err != nil {
		t.Fatal(err)
	}
	return open(t, dir)
}

// Trees that go round, and trees whose every way leads to one leaf: bbolt would overflow the stack on the first, and
// a walk of the second take for ever. A merge removes such a file although its hash is right.
func TestTamperedTrees(t *testing.T) {
	changes := map[string]func(p page, id int){
		"round": func(p page, id int) {
			for i := range p.n {
				_, e := p.element(i)
				order.PutUint64(e[8:], uint64(id))
			}
		},
		"same": func(p page, id int) {
			for i := range p.n {
				_, e := p.element(i)
				order.PutUint64(e[8:], p.child(0))
			}
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			tab, dir, entries := tamper(t, change)
			exercise(tab, entries)
			mergeAll(t, tab, Keep{Address: func(format.Address) bool { return true }})
			checkNames(t, dir)
		})
	}
}

func TestForeignFiles(t *testing.T) {
	dir := t.TempDir()
	entries := newEntries(1, 100)
	name := write(t, dir, entries)
	hexName := func(digit string) string { return string(bytes.Repeat([]byte(digit), 2*hashLen)) + suffix }
	pipe, folder, link, foreign := hexName("1"), hexName("2"), hexName("3"), hexName("4")
	err := errors.Join(
		unix.Mkfifo(filepath.Join(dir, pipe), 0o600),
		os.Mkdir(filepath.Join(dir, folder), 0o700),
		os.Symlink("/dev/zero", filepath.Join(dir, link)),
		os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("mine"), 0o600),
		os.WriteFile(filepath.Join(dir, "x.db"), []byte("mine"), 0o600),
		os.Mkdir(filepath.Join(dir, "y.db"), 0o700),
	)
	if err != nil {
		t.Fatal(err)
	}
	makeForeign(t, filepath.Join(dir, foreign), "theirs")
	tab := open(t, dir)
	exercise(tab, entries)
	if !has(tab, entries[0]) || len(tab.Segments()) != 1 || len(tab.Problems()) != 6 {
		t.Errorf("%d segments, problems: %v", len(tab.Segments()), tab.Problems())
	}
	if damaged, err := tab.Verify(t.Context()); err != nil || !slices.Equal(damaged, []string{foreign}) {
		t.Errorf("damaged are %v, %v", damaged, err)
	}
	if err := tab.Merge(t.Context(), Keep{}); err != nil {
		t.Fatal(err)
	}
	checkNames(t, dir, name, pipe, folder, link, "notes.txt", "x.db", "y.db")
}

// makeForeign makes a bbolt file with buckets of those names, which hold keys and values that no segment has.
func makeForeign(t *testing.T, path string, buckets ...string) {
	t.Helper()
	db, err := bbolt.Open(path, fileMode, &bbolt.Options{PageSize: pageSize, NoGrowSync: true})
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range buckets {
			b, err := tx.CreateBucket([]byte(name))
			if err != nil {
				return err
			}
			for _, key := range []string{"short", "0123456789abcdef", "0123456789abcdef and longer"} {
				if err := b.Put([]byte(key), []byte("of a length that no address has")); err != nil {
					return err
				}
			}
		}
		return nil
	})
	err = errors.Join(err, db.View(func(tx *bbolt.Tx) error {
		size = tx.Size()
		return nil
	}), db.Close(), os.Truncate(path, size))
	if err != nil {
		t.Fatal(err)
	}
}

// A segment whose buckets hold keys and values that no writer of ours makes.
func TestStrangeElements(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "strange")
	makeForeign(t, path, "ids", "packs", "points")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tab := plant(t, dir, "strange", b)
	if len(tab.Segments()) != 1 {
		t.Fatalf("not opened: %v", tab.Problems())
	}
	exercise(tab, []Entry{{Key: [keySize]byte([]byte("0123456789abcdef"))}})
	mergeAll(t, tab, Keep{Address: func(format.Address) bool { return true }})
	checkNames(t, dir)
}
