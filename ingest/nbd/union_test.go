//go:build cgo && !nolibnbd

package nbd

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestUnionOfBitmaps hands tracking from one bitmap to the next, as checkpoints do: what changed since the first is in all
// of them together, and in no fewer.
func TestUnionOfBitmaps(t *testing.T) {
	t.Parallel()
	const size = 16 * mib
	q := startQEMU(t, "16M")
	w := q.guest()
	rng := rand.New(rand.NewPCG(11, 11))
	scribble(t, w, rng, size, 40)
	before := make([]byte, size)
	must(t, w.Pread(before, 0, nil))
	names := []string{"m0", "m1", "m2", "m3"}
	for i, name := range names {
		q.mark(name)
		must(t, w.Pwrite([]byte(strings.Repeat(name, 256)), uint64(i)*3*mib+512, nil)) // each has one of its own
		scribble(t, w, rng, size, 6)
		q.do("block-dirty-bitmap-disable", map[string]any{"node": "disk", "name": name})
	}
	must(t, w.Flush(nil))
	q.do("block-export-add", map[string]any{"type": "nbd", "id": "all", "node-name": "disk", "name": "all", "bitmaps": names})
	live := make([]byte, size)
	must(t, w.Pread(live, 0, nil))
	uri := unixURI(q.socket, "all")

	copied := bytes.Clone(before)
	apply(t, open(t, uri, Options{Bitmaps: names}), copied)
	if !bytes.Equal(copied, live) {
		t.Error("the union of all bitmaps misses a change")
	}
	dirty := make([]bool, size)
	for _, name := range names {
		for _, e := range collect(t, open(t, uri, Options{Bitmaps: []string{name}})) {
			for i := e.Off; i < e.Off+e.Len; i++ {
				dirty[i] = true
			}
		}
	}
	for _, e := range collect(t, open(t, uri, Options{Bitmaps: names})) {
		for i := e.Off; i < e.Off+e.Len; i++ {
			if !dirty[i] {
				t.Fatalf("byte %d is in the union and in no bitmap", i)
			}
			dirty[i] = false
		}
	}
	if i := slices.Index(dirty, true); i >= 0 {
		t.Errorf("byte %d is in a bitmap and not in the union", i)
	}
	if _, err := Open(t.Context(), uri, Options{Bitmaps: []string{"m0", "gone", "m3"}}); !errors.Is(err, ErrNoBitmap) || !strings.Contains(err.Error(), "gone") {
		t.Errorf("one of several is missing: %v", err)
	}
}

// Two contexts may answer with runs of other lengths, and end at other places.
func TestUnionOfAnswers(t *testing.T) {
	t.Parallel()
	a := []run{{3, 0}, {4, stateDirty}, {5, 0}}
	b := []run{{1, stateDirty}, {4, 0}, {4, stateDirty}}
	want := []run{{1, 1}, {2, 0}, {2, 1}, {2, 1}, {2, 1}}
	if got := union(a, b); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, not %v", got, want)
	}
	if got := union(everything(9, stateDirty), nil); got != nil {
		t.Errorf("a bitmap without an answer: %v", got)
	}
}
