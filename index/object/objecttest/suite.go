package objecttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vbfs/index/object"
)

// Test holds a store to the contract of object.Store. open returns a new and empty store, whose clean-up it registers.
func Test(t *testing.T, open func(t *testing.T) object.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, object.Store)
	}{
		{"PutGet", testPutGet},
		{"Ranges", testRanges},
		{"Missing", testMissing},
		{"Large", testLarge},
		{"Taken", testTaken},
		{"Exclusive", testExclusive},
		{"Invisible", testInvisible},
		{"Abort", testAbort},
		{"Ended", testEnded},
		{"List", testList},
		{"ListStops", testListStops},
		{"ListAfterPut", testListAfterPut},
		{"Delete", testDelete},
		{"Again", testAgain},
		{"Names", testNames},
		{"Cancelled", testCancelled},
		{"GetAll", testGetAll},
		{"Probe", testProbe},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// MustPut stores content under name or ends the test.
func MustPut(t testing.TB, s object.Store, name string, content []byte) {
	t.Helper()
	if err := object.PutBytes(t.Context(), s, name, content); err != nil {
		t.Fatalf("put %s: %v", name, err)
	}
}

// Names lists a folder's objects by name, or ends the test.
func Names(t testing.TB, s object.Store, prefix string) []string {
	t.Helper()
	names := []string{}
	for info, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("list %q: %v", prefix, err)
		}
		names = append(names, info.Name)
	}
	return names
}

func wantNames(t *testing.T, s object.Store, prefix string, want ...string) {
	t.Helper()
	if got := Names(t, s, prefix); !slices.Equal(got, want) {
		t.Errorf("list %q: got %q, want %q", prefix, got, want)
	}
}

func wantContent(t *testing.T, s object.Store, name string, want []byte) {
	t.Helper()
	got, err := object.GetAll(t.Context(), s, name, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("get %s: %d bytes that differ from the %d bytes put", name, len(got), len(want))
	}
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

func mustBegin(t *testing.T, s object.Store, name string, content []byte) object.Upload {
	t.Helper()
	u, err := s.PutIfAbsent(t.Context(), name)
	if err != nil {
		t.Fatalf("begin %s: %v", name, err)
	}
	if n, err := u.Write(content); err != nil || n != len(content) {
		t.Fatalf("write %s: %d bytes, %v", name, n, err)
	}
	return u
}

func testPutGet(t *testing.T, s object.Store) {
	before := time.Now()
	for _, size := range []int{0, 1, 4095, 65537} {
		name := fmt.Sprintf("packs/ab/%d", size)
		content := randomBytes(size)
		MustPut(t, s, name, content)
		wantContent(t, s, name, content)
		info, err := s.Stat(t.Context(), name)
		if err != nil || info.Name != name || info.Size != int64(size) {
			t.Errorf("stat %s: %+v, %v", name, info, err)
		}
		if d := info.Modified.Sub(before); d < -time.Minute || d > time.Minute {
			t.Errorf("stat %s: modified %v, put at %v", name, info.Modified, before)
		}
	}
}

func testRanges(t *testing.T, s object.Store) {
	content := randomBytes(10000)
	MustPut(t, s, "a", content)
	for _, r := range []struct{ off, n int }{{0, 10000}, {0, 1}, {9999, 1}, {17, 4096}, {10000, 0}, {0, 0}} {
		p := make([]byte, r.n)
		if err := s.Get(t.Context(), "a", p, int64(r.off)); err != nil || !bytes.Equal(p, content[r.off:r.off+r.n]) {
			t.Errorf("get %d bytes at %d: wrong bytes or %v", r.n, r.off, err)
		}
	}
	for _, r := range []struct{ off, n int }{{0, 10001}, {9999, 2}, {10000, 1}, {1 << 40, 1}} {
		err := s.Get(t.Context(), "a", make([]byte, r.n), int64(r.off))
		wantErr(t, fmt.Sprintf("get %d bytes at %d", r.n, r.off), err, io.ErrUnexpectedEOF)
	}
	if err := s.Get(t.Context(), "a", make([]byte, 1), -1); err == nil {
		t.Error("get at a negative offset: no error")
	}
}

func testMissing(t *testing.T, s object.Store) {
	MustPut(t, s, "packs/ab/cd", []byte("x"))
	for _, name := range []string{"nothing", "packs/nothing", "packs", "packs/ab", "packs/ab/cd/ef"} {
		wantErr(t, "get "+name, s.Get(t.Context(), name, make([]byte, 1), 0), object.ErrNotExist)
		wantErr(t, "empty get "+name, s.Get(t.Context(), name, nil, 0), object.ErrNotExist)
		_, err := s.Stat(t.Context(), name)
		wantErr(t, "stat "+name, err, object.ErrNotExist)
		wantErr(t, "delete "+name, s.Delete(t.Context(), name), object.ErrNotExist)
	}
	wantNames(t, s, "", "packs/ab/cd")
}

func testLarge(t *testing.T, s object.Store) {
	content := randomBytes(20<<20 + 3)
	u := mustBegin(t, s, "packs/la/rge", nil)
	defer u.Abort()
	for chunk := range slices.Chunk(content, 1<<20) {
		if _, err := u.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := u.Commit(); err != nil {
		t.Fatal(err)
	}
	wantContent(t, s, "packs/la/rge", content)
}

func testTaken(t *testing.T, s object.Store) {
	MustPut(t, s, "points/a", []byte("first"))
	wantErr(t, "put again", object.PutBytes(t.Context(), s, "points/a", []byte("second")), object.ErrExists)
	wantErr(t, "put the same again", object.PutBytes(t.Context(), s, "points/a", []byte("first")), object.ErrExists)
	wantContent(t, s, "points/a", []byte("first"))
	wantNames(t, s, "", "points/a")
}

// testExclusive lets eight writers of one name at once commit different contents.
func testExclusive(t *testing.T, s object.Store) {
	const writers = 8
	for round := range 8 {
		name := fmt.Sprintf("points/tag/%d", round)
		contents := make([][]byte, writers)
		errs := make([]error, writers)
		var start, done sync.WaitGroup
		start.Add(1)
		for i := range writers {
			contents[i] = randomBytes(100000 + i)
			done.Go(func() {
				start.Wait()
				errs[i] = object.PutBytes(t.Context(), s, name, contents[i])
			})
		}
		start.Done()
		done.Wait()
		wantContent(t, s, name, contents[winner(t, errs)])
	}
}

func winner(t *testing.T, errs []error) int {
	t.Helper()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won >= 0:
			t.Fatalf("writers %d and %d both committed one name", won, i)
		case err == nil:
			won = i
		default:
			wantErr(t, "put by a loser", err, object.ErrExists)
		}
	}
	if won < 0 {
		t.Fatalf("nobody committed: %v", errs)
	}
	return won
}

func testInvisible(t *testing.T, s object.Store) {
	u := mustBegin(t, s, "points/a", []byte("content"))
	defer u.Abort()
	_, err := s.Stat(t.Context(), "points/a")
	wantErr(t, "stat before commit", err, object.ErrNotExist)
	wantErr(t, "get before commit", s.Get(t.Context(), "points/a", nil, 0), object.ErrNotExist)
	wantNames(t, s, "")
	if err := u.Commit(); err != nil {
		t.Fatal(err)
	}
	wantNames(t, s, "", "points/a")
	wantContent(t, s, "points/a", []byte("content"))
}

func testAbort(t *testing.T, s object.Store) {
	u := mustBegin(t, s, "points/a", randomBytes(100000))
	if err := u.Abort(); err != nil {
		t.Fatal(err)
	}
	wantNames(t, s, "")
	_, err := s.Stat(t.Context(), "points/a")
	wantErr(t, "stat after abort", err, object.ErrNotExist)
	MustPut(t, s, "points/a", []byte("later"))
	wantContent(t, s, "points/a", []byte("later"))
}

func testEnded(t *testing.T, s object.Store) {
	committed := mustBegin(t, s, "a", []byte("x"))
	if err := committed.Commit(); err != nil {
		t.Fatal(err)
	}
	aborted := mustBegin(t, s, "b", []byte("x"))
	if err := aborted.Abort(); err != nil {
		t.Fatal(err)
	}
	refused := mustBegin(t, s, "a", []byte("x"))
	wantErr(t, "commit of a taken name", refused.Commit(), object.ErrExists)
	for what, u := range map[string]object.Upload{"committed": committed, "aborted": aborted, "refused": refused} {
		_, err := u.Write([]byte("y"))
		wantErr(t, "write to one "+what, err, object.ErrEnded)
		wantErr(t, "commit of one "+what, u.Commit(), object.ErrEnded)
		wantErr(t, "abort of one "+what, u.Abort(), nil)
	}
	wantNames(t, s, "", "a")
	wantContent(t, s, "a", []byte("x"))
}

func testList(t *testing.T, s object.Store) {
	wantNames(t, s, "")
	wantNames(t, s, "packs")
	names := []string{"config", "packs-old", "packs.txt", "packs/0f/1", "packs/0f/10", "packs/0f/2", "packs/0f-1", "packs/a0/1", "packs0", "tab_le/1.db"}
	slices.Sort(names)
	for _, i := range rand.Perm(len(names)) {
		MustPut(t, s, names[i], []byte(names[i]))
	}
	wantNames(t, s, "", names...)
	wantNames(t, s, "packs", "packs/0f-1", "packs/0f/1", "packs/0f/10", "packs/0f/2", "packs/a0/1")
	wantNames(t, s, "packs/0f", "packs/0f/1", "packs/0f/10", "packs/0f/2")
	wantNames(t, s, "pack")
	wantNames(t, s, "config")
	for info, err := range s.List(t.Context(), "") {
		if err != nil || info.Size != int64(len(info.Name)) || info.Modified.IsZero() {
			t.Errorf("listed %+v, %v", info, err)
		}
	}
}

func testListStops(t *testing.T, s object.Store) {
	for i := range 10 {
		MustPut(t, s, fmt.Sprintf("packs/%d/x", i), nil)
	}
	seen := 0
	for range s.List(t.Context(), "packs") {
		if seen++; seen == 3 {
			break
		}
	}
	if seen != 3 {
		t.Errorf("saw %d objects, want 3", seen)
	}
}

// testListAfterPut has writers list at once what each has just put, while others put beside it.
func testListAfterPut(t *testing.T, s object.Store) {
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 16 {
				name := fmt.Sprintf("packs/%02d/%d", i, w)
				if err := object.PutBytes(t.Context(), s, name, nil); err != nil {
					t.Error(err)
				} else if !listed(t.Context(), s, "packs", name) {
					t.Errorf("%s was put but is not listed", name)
				}
			}
		})
	}
	wg.Wait()
}

func listed(ctx context.Context, s object.Store, prefix, name string) bool {
	for info, err := range s.List(ctx, prefix) {
		if err == nil && info.Name == name {
			return true
		}
	}
	return false
}

func testDelete(t *testing.T, s object.Store) {
	MustPut(t, s, "packs/a", []byte("a"))
	MustPut(t, s, "packs/b", []byte("b"))
	wantContent(t, s, "packs/a", []byte("a"))
	if err := s.Delete(t.Context(), "packs/a"); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "get after delete", s.Get(t.Context(), "packs/a", make([]byte, 1), 0), object.ErrNotExist)
	_, err := s.Stat(t.Context(), "packs/a")
	wantErr(t, "stat after delete", err, object.ErrNotExist)
	wantErr(t, "delete again", s.Delete(t.Context(), "packs/a"), object.ErrNotExist)
	wantNames(t, s, "", "packs/b")
}

// testAgain puts a deleted name again: what was known of the old object must not be served for the new one.
func testAgain(t *testing.T, s object.Store) {
	for i := range 3 {
		content := []byte(strings.Repeat("x", i+1))
		MustPut(t, s, "gc/1", content)
		wantContent(t, s, "gc/1", content)
		if err := s.Delete(t.Context(), "gc/1"); err != nil {
			t.Fatal(err)
		}
	}
}

func testNames(t *testing.T, s object.Store) {
	bad := []string{
		"/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/..", "a/./b", ".tmp", ".tmp/a", "a/.b", "A", "a b", "a:b", "a\x00b", "a\nb",
		"ä", `a\b`, "*", "%2e", strings.Repeat("a", object.MaxName+1), strings.Repeat("a/", 128) + "a",
	}
	for _, name := range append(bad, "") {
		_, err := s.PutIfAbsent(t.Context(), name)
		wantErr(t, fmt.Sprintf("put %q", name), err, object.ErrName)
		wantErr(t, fmt.Sprintf("get %q", name), s.Get(t.Context(), name, nil, 0), object.ErrName)
		wantErr(t, fmt.Sprintf("delete %q", name), s.Delete(t.Context(), name), object.ErrName)
		_, err = s.Stat(t.Context(), name)
		wantErr(t, fmt.Sprintf("stat %q", name), err, object.ErrName)
	}
	for _, name := range bad {
		yields := 0
		for _, err := range s.List(t.Context(), name) {
			yields++
			wantErr(t, fmt.Sprintf("list %q", name), err, object.ErrName)
		}
		if yields != 1 {
			t.Errorf("list %q yielded %d times, want its error once", name, yields)
		}
	}
	good := []string{strings.Repeat("a", object.MaxName), strings.Repeat("b/", 127) + "b", "0..1", "-", "_", "c.", "2026-11-20t20-03-27z"}
	for _, name := range good {
		MustPut(t, s, name, []byte(name))
	}
	slices.Sort(good)
	wantNames(t, s, "", good...)
}

func testCancelled(t *testing.T, s object.Store) {
	MustPut(t, s, "a", []byte("x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.PutIfAbsent(ctx, "b")
	wantErr(t, "put", err, context.Canceled)
	wantErr(t, "get", s.Get(ctx, "a", make([]byte, 1), 0), context.Canceled)
	wantErr(t, "delete", s.Delete(ctx, "a"), context.Canceled)
	_, err = s.Stat(ctx, "a")
	wantErr(t, "stat", err, context.Canceled)
	yields := 0
	for _, err := range s.List(ctx, "") {
		yields++
		wantErr(t, "list", err, context.Canceled)
	}
	if yields != 1 {
		t.Errorf("a cancelled list yielded %d times, want its error once", yields)
	}
	wantNames(t, s, "", "a")
}

func testGetAll(t *testing.T, s object.Store) {
	MustPut(t, s, "a", []byte("12345"))
	if b, err := object.GetAll(t.Context(), s, "a", 5); err != nil || string(b) != "12345" {
		t.Errorf("get all: %q, %v", b, err)
	}
	_, err := object.GetAll(t.Context(), s, "a", 4)
	wantErr(t, "get all of more than wanted", err, object.ErrTooLarge)
	_, err = object.GetAll(t.Context(), s, "b", 5)
	wantErr(t, "get all of nothing", err, object.ErrNotExist)
}

func testProbe(t *testing.T, s object.Store) {
	MustPut(t, s, "config", []byte("x"))
	if err := object.Probe(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	wantNames(t, s, "", "config")
}
