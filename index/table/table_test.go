package table

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

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

func TestWriteAndFind(t *testing.T) {
	for _, n := range []int{1, 10, 97, 98, 1000, 200_000} {
		dir := t.TempDir()
		entries := newEntries(uint64(n), n)
		name := write(t, dir, entries)
		checkFile(t, dir, name)
		tab := open(t, dir)
		for _, e := range entries {
			if !has(tab, e) {
				t.Fatalf("%d entries: %x not found", n, e.Key)
			}
		}
		for _, e := range newEntries(0, 1000) {
			if tab.Lookup(blockID(e.Key), func(format.Address) bool { return true }) {
				t.Fatalf("%d entries: %x found", n, e.Key)
			}
		}
		info := tab.Segments()[0]
		if info.Name != name || info.Keys != int64(n) || len(tab.Packs()) != (n+1999)/2000 || len(tab.Problems()) != 0 {
			t.Errorf("%+v, %d packs, problems %v", info, len(tab.Packs()), tab.Problems())
		}
		if perKey := float64(info.Bytes) / float64(n); n >= 100_000 && perKey > 43 {
			t.Errorf("%.1f bytes per key", perKey)
		}
	}
}

func TestNothingToWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	if name := write(t, dir, nil); name != "" {
		t.Errorf("wrote %s", name)
	}
	tab := open(t, dir)
	if len(tab.Segments()) != 0 || len(tab.Problems()) != 0 {
		t.Error("a directory that does not exist has segments or problems")
	}
	if err := tab.Merge(t.Context(), Keep{}); err != nil {
		t.Error(err)
	}
	tooLong := Point{ID: format.UUID{1}, Sealed: make([]byte, MaxSummary+1)}
	if name := write(t, dir, nil, tooLong); name != "" {
		t.Errorf("wrote %s for a summary that is too long", name)
	}
	checkNames(t, dir)
}

// checkNames holds the directory to those names.
func checkNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	var got []string
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		got = append(got, e.Name())
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("directory has %q, want %q", got, want)
	}
}

func TestSameContentSameName(t *testing.T) {
	dir := t.TempDir()
	a := write(t, dir, newEntries(1, 100_000), Point{format.UUID{1}, []byte("x")})
	b := write(t, dir, newEntries(1, 100_000), Point{format.UUID{1}, []byte("x")})
	if a != b {
		t.Errorf("%s and %s", a, b)
	}
	checkNames(t, dir, a)
}

// A later write of the same segment heals a damaged file.
func TestWriteHeals(t *testing.T) {
	dir := t.TempDir()
	entries := newEntries(1, 1000)
	name := write(t, dir, entries)
	if err := os.Truncate(filepath.Join(dir, name), 0); err != nil {
		t.Fatal(err)
	}
	tab := open(t, dir)
	if has(tab, entries[0]) || len(tab.Problems()) != 1 {
		t.Fatal("an empty file is no problem")
	}
	write(t, dir, entries)
	if err := tab.Refresh(); err != nil {
		t.Fatal(err)
	}
	if !has(tab, entries[0]) || len(tab.Problems()) != 0 {
		t.Errorf("not healed: %v", tab.Problems())
	}
}

func TestCatalog(t *testing.T) {
	dir := t.TempDir()
	long := bytes.Repeat([]byte("long"), 100_000) // over many pages
	write(t, dir, nil, Point{format.UUID{1}, []byte("one")}, Point{format.UUID{2}, []byte("old")}, Point{format.UUID{2}, long})
	older := write(t, dir, nil, Point{format.UUID{2}, []byte("older")}, Point{format.UUID{3}, nil})
	age(t, dir, older, -1)
	tab := open(t, dir)
	want := map[format.UUID][]byte{{1}: []byte("one"), {2}: long, {3}: {}}
	checkCatalog(t, tab, want)
	if err := tab.Merge(t.Context(), Keep{Point: func(id format.UUID) bool { return id != format.UUID{1} }}); err != nil {
		t.Fatal(err)
	}
	delete(want, format.UUID{1})
	checkCatalog(t, tab, want)
	if len(tab.Segments()) != 1 {
		t.Errorf("%v", tab.Segments())
	}
}

func checkCatalog(t *testing.T, tab *Table, want map[format.UUID][]byte) {
	t.Helper()
	got := make(map[format.UUID][]byte)
	for id, sealed := range tab.Points() {
		got[id] = bytes.Clone(sealed)
	}
	if !maps.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("catalog has %d points, want %d", len(got), len(want))
	}
	for id, sealed := range want {
		if b, ok := tab.Point(id); !ok || !bytes.Equal(b, sealed) {
			t.Errorf("point %s: %d bytes, %v", id, len(b), ok)
		}
	}
	if _, ok := tab.Point(format.UUID{9}); ok {
		t.Error("found a point that was never written")
	}
}

// age sets a segment's time to so many seconds after a fixed instant.
func age(t testing.TB, dir, name string, seconds int) {
	t.Helper()
	at := time.Unix(1_700_000_000+int64(seconds), 0)
	if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
		t.Fatal(err)
	}
}

// Readers of a listing keep what they use; later listings follow the directory.
func TestRefreshWhileInUse(t *testing.T) {
	dir := t.TempDir()
	entries := newEntries(1, 1000)
	name := write(t, dir, entries)
	tab := open(t, dir)
	found := tab.Lookup(blockID(entries[0].Key), func(format.Address) bool {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		write(t, dir, newEntries(2, 10))
		if err := tab.Refresh(); err != nil {
			t.Fatal(err)
		}
		return !has(tab, entries[1]) && has(tab, newEntries(2, 10)[0])
	})
	if !found {
		t.Error("the new listing is not the directory")
	}
}

func TestClosedTableProposesNothing(t *testing.T) {
	dir := t.TempDir()
	entries := newEntries(1, 10)
	write(t, dir, entries)
	tab := open(t, dir)
	if err := tab.Close(); err != nil {
		t.Fatal(err)
	}
	if has(tab, entries[0]) || len(tab.Packs()) != 0 {
		t.Error("a closed table proposes")
	}
}

// What the caller does wrong is not hidden as damage.
func TestPanicOfCallerPasses(t *testing.T) {
	dir := t.TempDir()
	entries := newEntries(1, 10)
	write(t, dir, entries)
	tab := open(t, dir)
	defer func() {
		if recover() == nil || len(tab.Problems()) != 0 {
			t.Error("the panic was swallowed")
		}
		if !has(tab, entries[0]) {
			t.Error("the table is unusable afterwards")
		}
	}()
	tab.Lookup(blockID(entries[0].Key), func(format.Address) bool { return entries[len(entries)].At.Slot == 0 })
}

func TestSweepsDeadWritersFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{tempPrefix + "old", tempPrefix + "young", tempPrefix + "locked", "other"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if name != tempPrefix+"young" {
			age(t, dir, name, 0)
		}
	}
	f, err := os.Open(filepath.Join(dir, tempPrefix+"locked"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	name := write(t, dir, newEntries(1, 1))
	checkNames(t, dir, tempPrefix+"young", tempPrefix+"locked", "other", name)
}

// A writer's file is swept neither when clocks are wrong nor when the writer was stopped for long.
func TestSweepsNoLivingWritersFile(t *testing.T) {
	dir := t.TempDir()
	entries := newEntries(1, 1)
	src := source{ids: entryElements(entries), packs: packElements(packsIn(entries)), points: pointElements(nil)}
	other := ""
	src.check = func() error { // it has been filled, and has no name yet
		temps, err := filepath.Glob(filepath.Join(dir, tempPrefix+"*"))
		if err != nil || len(temps) != 1 {
			t.Fatalf("%q, %v", temps, err)
		}
		age(t, dir, filepath.Base(temps[0]), 0)
		other = write(t, dir, newEntries(2, 1))
		return nil
	}
	name, err := writeFile(dir, src)
	if err != nil {
		t.Fatal(err)
	}
	checkNames(t, dir, name, other)
}
