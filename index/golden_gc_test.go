package index_test

import (
	"os"
	"path/filepath"
	"testing"

	"vbfs/index"
	"vbfs/index/format"
)

// The golden repository of what comes after backups: bundles, moves, a collection that stands, notes, a record of
// verification.
func TestGoldenCollectionStaysReadable(t *testing.T) {
	t.Parallel()
	kept := filepath.Join(goldenFolder, "v1-collected")
	o := index.InitOptions{Password: password}
	if _, err := os.Stat(kept); err != nil && *makeGolden {
		makeGoldenCollection(t, kept, o)
	}
	for _, folder := range []string{"bundles", "moves", "gc", "notes", "verified"} {
		if entries, err := os.ReadDir(filepath.Join(kept, folder)); err != nil || len(entries) == 0 {
			t.Errorf("nothing in %s: %v", folder, err)
		}
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(kept)); err != nil {
		t.Fatal(err)
	}
	checkGolden(t, dir, o)
}

func makeGoldenCollection(t *testing.T, dir string, o index.InitOptions) {
	h := &history{bench: newBench(t, o), holds: map[format.UUID][]byte{}}
	gone := h.put("m", goldenDisk(2), nil, nil)
	h.put("m", goldenDisk(0), nil, nil)
	last := h.put("m", goldenDisk(1), nil, nil)
	h.forget(gone)
	w, err := h.repo.Begin(t.Context(), index.BeginOptions{Machine: "other"}) // for its sake the collection stands
	if err != nil {
		t.Fatal(err)
	}
	h.prune(index.PruneOptions{})
	if err := w.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.repo.AddNote(t.Context(), last.Point, format.NoteProtected, format.NoteYes); err != nil {
		t.Fatal(err)
	}
	if _, err := h.repo.Verify(t.Context(), index.VerifyOptions{ReadData: func(format.PackID) bool { return true }}); err != nil {
		t.Fatal(err)
	}
	if err := h.repo.RebuildTable(t.Context(), new(index.Progress)); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(h.dir)); err != nil {
		t.Fatal(err)
	}
}
