package ghettovcb

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vbfs/ingest/ghettovcb/handmade"
)

// sample is a disk of so many bytes: random ones, but for the second quarter, which is zero.
func sample(size int, seed byte) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	clear(b[size/4 : size/2])
	return b
}

func small(name string) handmade.Machine {
	return handmade.Machine{Name: name, Disks: []handmade.Disk{{Data: sample(1<<16, 1)}}}
}

func open(t *testing.T, dir string, o Options) *Tree {
	t.Helper()
	tree, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	return tree
}

func TestFindsBackups(t *testing.T) {
	t.Parallel()
	volume := filepath.Join(t.TempDir(), "backups")
	for _, folder := range []string{
		"web01/web01-2026-11-20_20-03-27", "web01/web01-2026-11-19_ 9-03-27", "web-1/web-1-2026-11-20_20-03-27",
		"a [b] (c) ü/a [b] (c) ü-2026-11-20_20-03-27", "rotated/rotated-0", "rotated/rotated-1", "own/own-nightly", "host2/db/db-2026-11-20_20-03-27",
	} {
		small(strings.Split(filepath.Base(filepath.Dir(folder)), "/")[0]).Write(t, filepath.Join(volume, folder))
	}
	small("gone").Write(t, filepath.Join(volume, "gone/gone-2026-11-20_20-03-28"))
	handmade.Pack(t, filepath.Join(volume, "gone/gone-2026-11-20_20-03-28"))
	small("live").Write(t, filepath.Join(volume, "live/live"))
	handmade.File(t, filepath.Join(volume, "web01/notes.gz"), []byte("no backup"))
	handmade.Tool(t, "ln", "-s", "web01-2026-11-20_20-03-27", filepath.Join(volume, "web01/web01-symlink"))
	handmade.Tool(t, "ln", "-s", "../web01", filepath.Join(volume, "web01/again"))

	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		zone *time.Location
		hour string
	}{{nil, "20"}, {berlin, "19"}} {
		tree := open(t, volume, Options{Zone: c.zone})
		var got []string
		for _, p := range tree.Points {
			at := "?"
			if !strings.Contains(strings.Join(p.warnings, ""), "tells no time") {
				at = p.Time.Format("2006-01-02T15:04:05Z07:00")
			}
			got = append(got, p.Machine+" "+at)
		}
		want := []string{
			"a [b] (c) ü 2026-11-20T" + c.hour + ":03:27Z", "db 2026-11-20T" + c.hour + ":03:27Z", "gone 2026-11-20T" + c.hour + ":03:28Z",
			"own ?", "rotated ?", "rotated ?", "web-1 2026-11-20T" + c.hour + ":03:27Z",
			"web01 2026-11-19T0" + map[string]string{"20": "9", "19": "8"}[c.hour] + ":03:27Z", "web01 2026-11-20T" + c.hour + ":03:27Z",
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("found\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if len(tree.Notes) != 1 || !strings.Contains(tree.Notes[0], "live/live") || len(tree.LeftOut) != 0 {
			t.Errorf("notes %q, left out %q", tree.Notes, tree.LeftOut)
		}
	}
	for _, below := range []string{"web01", "web01/web01-2026-11-20_20-03-27"} {
		if tree := open(t, filepath.Join(volume, below), Options{}); tree.Points[len(tree.Points)-1].Machine != "web01" {
			t.Errorf("%s is of %s", below, tree.Points[0].Machine)
		}
	}
	if _, err := Open(filepath.Join(volume, "live"), Options{}); !errors.Is(err, ErrNoBackup) {
		t.Error(err)
	}
}

// TestRotated finds a backup again whatever index it has got since, and not another one.
func TestRotated(t *testing.T) {
	t.Parallel()
	volume := t.TempDir()
	small("db").Write(t, filepath.Join(volume, "db/db-0"))
	before := open(t, volume, Options{}).Points[0]
	handmade.Tool(t, "mv", filepath.Join(volume, "db/db-0"), filepath.Join(volume, "db/db-1"))
	handmade.Tool(t, "cp", "-r", filepath.Join(volume, "db/db-1"), filepath.Join(volume, "db/db-0"))
	handmade.Tool(t, "touch", "-d", "2020-01-01", filepath.Join(volume, "db/db-0/db.vmx"))
	points := open(t, volume, Options{}).Points
	if points[1].id != before.id || points[0].id == before.id {
		t.Errorf("%s became %s, and the new one is %s", before.id, points[1].id, points[0].id)
	}
	handmade.Tool(t, "sed", "-i", "s/^CID=.*/CID=00000007/", filepath.Join(volume, "db/db-1/db.vmdk"))
	if p := open(t, volume, Options{}).Points[1]; p.id == before.id || !p.Time.Equal(before.Time) {
		t.Error("a disk that was written to is the same backup")
	}
	if want := time.Date(2020, 1, 1, 0, 0, 0, 0, time.Local); !points[0].Time.Equal(want) {
		t.Errorf("%v", points[0].Time)
	}
}

func TestIncomplete(t *testing.T) {
	t.Parallel()
	volume := t.TempDir()
	for i, word := range []string{"ok", "warn", "error", "none"} {
		m := small("db")
		m.Status = word
		m.Write(t, filepath.Join(volume, "db", "db-2026-11-20_20-03-2"+string(rune('0'+i))))
	}
	handmade.File(t, filepath.Join(volume, "db/db-2026-11-20_20-03-22/STATUS.ok"), []byte("of the run before\n"))
	handmade.File(t, filepath.Join(volume, "db/db-2026-11-20_20-03-24/x"), nil)
	tree := open(t, volume, Options{})
	if len(tree.Points) != 1 || len(tree.LeftOut) != 4 || !strings.Contains(strings.Join(tree.LeftOut, "\n"), `20-03-21: STATUS.warn says "what became of it: warn"`) {
		t.Fatalf("%d points, left out %q", len(tree.Points), tree.LeftOut)
	}
	tree = open(t, volume, Options{Incomplete: true})
	if len(tree.Points) != 5 || len(tree.LeftOut) != 0 {
		t.Fatalf("%d points, left out %q", len(tree.Points), tree.LeftOut)
	}
	for i, p := range tree.Points[1:] {
		if w := strings.Join(p.warnings, ""); !strings.Contains(w, "incomplete: ") {
			t.Errorf("point %d is not marked: %q", i+1, w)
		}
	}
}
