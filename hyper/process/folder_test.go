package process

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What is used, or has more in it than servers have, stays.
func TestSweepLeavesOthers(t *testing.T) {
	t.Parallel()
	held, err := NewFolder()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(held.Remove)
	if err := os.WriteFile(held.File(Socket), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir, old := t.TempDir(), time.Now().Add(-2*SweepAge)
	foreign, dead := filepath.Join(dir, folderPrefix+"1", "disk"), filepath.Join(dir, folderPrefix+"2", ClientKey)
	for _, file := range []string{foreign, dead} {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("somebody's", file); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{held.Path, filepath.Dir(foreign), filepath.Dir(dead)} {
		if err := os.Chtimes(d, old, old); err != nil {
			t.Fatal(err)
		}
	}
	sweepOne(held.Path)
	Sweep(dir)
	for _, p := range []string{foreign, held.File(Socket)} {
		if _, err := os.Lstat(p); err != nil {
			t.Errorf("%v", err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
}
