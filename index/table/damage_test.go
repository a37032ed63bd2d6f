package table

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"vbfs/index/format"
)

// exercise uses all that reads; whatever comes of it, it must come.
func exercise(tab *Table, entries []Entry) {
	for _, e := range entries {
		tab.Lookup(blockID(e.Key), func(format.Address) bool { return false })
	}
	tab.Packs()
	for id := range tab.Points() {
		tab.Point(id)
	}
	for i := range 16 {
		tab.Point(format.UUID{byte(i)})
	}
	tab.Segments()
	tab.Problems()
}

func somePoints() (points []Point) {
	for i := range 16 {
		points = append(points, Point{format.UUID{byte(i)}, bytes.Repeat([]byte{byte(i)}, i*700)})
	}
	return points
}

// damages are ways to change a file's bytes.
var damages = map[string]func(r *rand.Rand, b []byte) []byte{
	"bit": func(r *rand.Rand, b []byte) []byte {
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		return b
	},
	"header": func(r *rand.Rand, b []byte) []byte {
		b[r.IntN(len(b)/pageSize)*pageSize+r.IntN(headerSize+2*elementSize)] ^= 1 << r.IntN(8)
		return b
	},
	"noise": func(r *rand.Rand, b []byte) []byte {
		for range 200 {
			b[2*pageSize+r.IntN(len(b)-2*pageSize)] = byte(r.Uint32())
		}
		return b
	},
	"pages": func(r *rand.Rand, b []byte) []byte {
		for range 4 {
			from, to := r.IntN(len(b)/pageSize), r.IntN(len(b)/pageSize)
			copy(b[to*pageSize:][:pageSize], b[from*pageSize:][:pageSize])
		}
		return b
	},
	"zeros": func(r *rand.Rand, b []byte) []byte {
		clear(b[r.IntN(len(b)/pageSize)*pageSize:][:pageSize])
		return b
	},
	"cut":  func(r *rand.Rand, b []byte) []byte { return b[:r.IntN(len(b))] },
	"grow": func(r *rand.Rand, b []byte) []byte { return append(b, make([]byte, 1+r.IntN(3*pageSize))...) },
}

// Whatever happens to one segment, reading goes on, another segment proposes what it holds, and Merge removes
// the damaged one and nothing else.
func TestDamage(t *testing.T) {
	for kind, damage := range damages {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			entries, others := newEntries(1, 30_000), newEntries(2, 500)
			name, other := write(t, dir, entries, somePoints()...), write(t, dir, others)
			path := filepath.Join(dir, name)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(5, 6))
			for range 40 {
				b := damage(r, slices.Clone(whole))
				if err := os.WriteFile(path, b, fileMode); err != nil {
					t.Fatal(err)
				}
				tab := open(t, dir)
				at := r.IntN(len(entries) - 300)
				exercise(tab, entries[at:at+300])
				if !has(tab, others[at%len(others)]) {
					t.Fatal("a whole segment has lost an entry")
				}
				damaged, err := tab.Verify(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(b, whole) && !slices.Equal(damaged, []string{name}) {
					t.Fatalf("damaged are %v", damaged)
				}
				if err := tab.Merge(t.Context(), Keep{}); err != nil {
					t.Fatal(err)
				}
				if tab.Close(); !bytes.Equal(b, whole) {
					checkNames(t, dir, other)
				}
			}
		})
	}
}

// A segment's file that loses its bytes while it is being written, as on a file system that was full without saying so.
func TestLostWhileWriting(t *testing.T) {
	for _, left := range []int64{0, 2 * pageSize} {
		dir := t.TempDir()
		elements := entryElements(newEntries(1, 1))
		_, err := writeFile(dir, source{packs: elements, points: elements, ids: func(yield func(element) bool) {
			for i := range uint64(300_000) {
				if i == 200_000 { // a batch is in the file
					cutTemp(t, dir, left)
				}
				if !yield(element{key: binary.BigEndian.AppendUint64(nil, i), val: make([]byte, format.AddressSize)}) {
					return
				}
			}
		}})
		if err == nil {
			t.Error("wrote a segment")
		}
		checkNames(t, dir)
	}
}

func cutTemp(t *testing.T, dir string, size int64) {
	t.Helper()
	temps, _ := filepath.Glob(filepath.Join(dir, tempPrefix+"*"))
	if len(temps) != 1 {
		t.Fatalf("temporary files: %q", temps)
	}
	if err := os.Truncate(temps[0], size); err != nil {
		t.Fatal(err)
	}
}

// A file that changes under an open table.
func TestDamageWhileOpen(t *testing.T) {
	for kind, damage := range damages {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			entries := newEntries(1, 20_000)
			path := filepath.Join(dir, write(t, dir, entries, somePoints()...))
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(7, 8))
			for range 20 {
				if err := os.WriteFile(path, whole, fileMode); err != nil {
					t.Fatal(err)
				}
				tab := open(t, dir)
				if !has(tab, entries[0]) {
					t.Fatal("the whole segment has lost an entry")
				}
				if err := os.WriteFile(path, damage(r, slices.Clone(whole)), fileMode); err != nil {
					t.Fatal(err)
				}
				exercise(tab, entries[:200])
				tab.Close()
			}
		})
	}
}

// A mapping beyond its file's end is a bus error, which must stay this segment's own affair.
func TestTruncatedWhileOpen(t *testing.T) {
	dir := t.TempDir()
	entries, others := newEntries(1, 1000), newEntries(2, 1000)
	name := write(t, dir, entries)
	write(t, dir, others)
	tab := open(t, dir)
	if err := os.Truncate(filepath.Join(dir, name), 0); err != nil {
		t.Fatal(err)
	}
	if has(tab, entries[0]) || !has(tab, others[0]) {
		t.Error("proposals from the wrong file")
	}
	if problems := tab.Problems(); len(problems) != 1 || !errors.Is(problems[0], ErrDamaged) {
		t.Errorf("problems: %v", problems)
	}
	if _, named := tab.Packs()[entries[0].At.Pack]; named {
		t.Error("a damaged segment names packs")
	}
	mergeAll(t, tab, Keep{})
	if len(tab.Segments()) != 1 || len(tab.Problems()) != 0 {
		t.Errorf("a merge left %v, %v", tab.Segments(), tab.Problems())
	}
}

// Another segment's bytes in place of a file's own, while it is open: whatever it proposes is an address of the other's.
func TestOverwrittenWithAnother(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	mine, others := newEntries(1, 20_000), newEntries(2, 30_000)
	name, other := write(t, dir, mine), write(t, elsewhere, others)
	b, err := os.ReadFile(filepath.Join(elsewhere, other))
	if err != nil {
		t.Fatal(err)
	}
	tab := open(t, dir)
	if err := os.WriteFile(filepath.Join(dir, name), b, fileMode); err != nil {
		t.Fatal(err)
	}
	exercise(tab, mine)
	exercise(tab, others)
	damaged, err := tab.Verify(t.Context())
	if err != nil || !slices.Equal(damaged, []string{name}) {
		t.Errorf("damaged are %v, %v", damaged, err)
	}
}
