package index_test

import (
	"strings"
	"testing"

	"vbfs/index"
	"vbfs/index/object/objecttest"
)

// What a backup puts, lists and deletes, in the order that doc.go promises: the session stands from before the first
// look-up to the end, packs are there before the manifest that names them lies aside, and the point comes last.
var backupTrace = []string{
	"list features", "list points",
	"put sessions/#3", "list sessions", "list points", "list gc", "list moves", "list packs", "list moves", // W0
	"put packs/xx/#6", "put packs/xx/#7", "put pending/#3", // W1
	"list gc", "list moves", // W2
	"put points/#1/#3", // W3
	"delete pending/#3", "delete sessions/#3",
}

func TestOrderOfStorageOperations(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	trace := objecttest.NewTrace(s.memory)
	repo, err := index.Open(t.Context(), trace, index.OpenOptions{Table: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	trace.Reset()
	if _, err := putDisk(t.Context(), repo, "m", s.next, nil, nil); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(trace.String()) {
		words := strings.Fields(line)
		if words[0] != "get" && words[0] != "stat" {
			got = append(got, words[0]+" "+words[1])
		}
	}
	if strings.Join(got, "\n") != strings.Join(backupTrace, "\n") {
		t.Errorf("the order of operations is now\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(backupTrace, "\n"))
	}
}
