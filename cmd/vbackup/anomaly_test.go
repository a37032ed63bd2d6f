package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vbfs/cmd/internal/clitest"
)

// A guest is a disk with a file system full of text.
type guest struct {
	*clitest.Lab
	disk string
	rng  *mrand.Rand
}

func newGuest(l *clitest.Lab) *guest {
	l.T.Helper()
	g := &guest{l, l.Path("web01.raw"), mrand.New(mrand.NewPCG(1, 9))}
	l.Tool("truncate", "-s", "96M", g.disk)
	l.Tool("mkfs.ext4", "-q", "-F", g.disk)
	if err := os.Mkdir(l.Path("mnt"), 0o755); err != nil {
		l.T.Fatal(err)
	}
	g.inside(func(dir string) {
		for i := range 200 {
			g.write(filepath.Join(dir, fmt.Sprint(i)), g.text(50<<10+g.rng.IntN(400<<10)))
		}
	})
	return g
}

// inside runs work on the mounted file system.
func (g *guest) inside(work func(dir string)) {
	g.T.Helper()
	g.Tool("mount", "-o", "loop", g.disk, g.Path("mnt"))
	defer g.Tool("umount", g.Path("mnt"))
	work(g.Path("mnt"))
}

func (g *guest) write(path string, b []byte) {
	g.T.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		g.T.Fatal(err)
	}
}

// text is n bytes that compress as logs and documents do.
func (g *guest) text(n int) []byte {
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "%08x request %d took %d ms\n", g.rng.Uint32(), g.rng.IntN(1e6), g.rng.IntN(1000))
	}
	return b.Bytes()[:n]
}

// night is what happens on an ordinary day.
func (g *guest) night() {
	g.T.Helper()
	g.inside(func(dir string) {
		for range 2 + g.rng.IntN(4) {
			g.write(filepath.Join(dir, fmt.Sprint(g.rng.IntN(200))), g.text(50<<10+g.rng.IntN(400<<10)))
		}
	})
}

// encrypt does to half of the files what an extortionist does.
func (g *guest) encrypt() {
	g.T.Helper()
	g.inside(func(dir string) {
		for i := range 100 {
			path := filepath.Join(dir, fmt.Sprint(2*i))
			b := g.Bytes(path)
			rand.Read(b)
			g.write(path, b)
		}
	})
}

// Ordinary nights are not flagged, an upgrade's worth of new text is not, encrypted files are: the point is there, says
// why, and the run fails when asked to.
func TestAnomaly(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	g := newGuest(l)
	ordinary := func() {
		t.Helper()
		if r := l.OK("vbackup", "backup", "--fail-on-anomaly", g.disk); r.Err != "" {
			t.Fatalf("an ordinary night: %s", r.Err)
		}
	}
	ordinary()
	for range 8 {
		g.night()
		ordinary()
	}
	g.inside(func(dir string) {
		for i := range 70 {
			g.write(filepath.Join(dir, fmt.Sprint(2*i+1)), g.text(200<<10))
		}
	})
	ordinary()
	g.encrypt()
	l.Tool("cp", "-a", "repo", "again")
	r := l.Run("vbackup", "backup", "--fail-on-anomaly", g.disk)
	if r.Code != 3 || !strings.Contains(r.Err, "web01@") || !strings.Contains(r.Err, "out of the ordinary: changed ") ||
		!strings.Contains(r.Out, "inc, read") {
		t.Errorf("exit code %d: %s%s", r.Code, r.Out, r.Err)
	}
	points := l.Points()
	last := points[len(points)-1]
	if text, _ := last["anomaly"].(string); len(points) != 11 || !strings.Contains(text, "of disk0 (usually ") || last["complete"] != true {
		t.Errorf("%d points, the last: %v", len(points), last)
	}
	if points[9]["anomaly"] != nil {
		t.Errorf("an ordinary point: %v", points[9])
	}
	l.OK("vbackup", "restore", "web01", l.Path("restored.raw"))
	l.Same(l.Path("restored.raw"), l.Bytes(g.disk))

	r = l.OK("vbackup", "backup", "-r", l.Path("again"), "-q", g.disk)
	if !strings.Contains(r.Err, "warning: web01@") || !strings.Contains(r.Err, "encrypted") {
		t.Errorf("without --fail-on-anomaly: %s", r.Err)
	}
	lines := told(l, l.Run("vbackup", "backup", "--json", "--fail-on-anomaly", g.disk, l.Path("no.raw")).Out)
	if lines[0]["anomaly"] != nil || lines[1]["code"] != 1.0 {
		t.Errorf("the night after: %v", lines)
	}
}

// told gives JSON lines without progress.
func told(l *clitest.Lab, out string) []map[string]any {
	l.T.Helper()
	return slices.DeleteFunc(l.Lines(out), func(m map[string]any) bool { return m["type"] == "progress" })
}

// With --json the alarm is an error line after the point's.
func TestAnomalyInJSON(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	g := newGuest(l)
	for range 6 {
		g.night()
		l.OK("vbackup", "backup", g.disk)
	}
	g.encrypt()
	r := l.Run("vbackup", "backup", "--json", "--fail-on-anomaly", g.disk)
	lines := told(l, r.Out)
	if r.Code != 3 || len(lines) != 3 || lines[0]["anomaly"] == nil || lines[1]["code"] != 3.0 || lines[1]["hint"] == nil {
		t.Fatalf("exit code %d: %v", r.Code, lines)
	}
	if s := lines[2]; s["type"] != "summary" || len(s["failed"].([]any)) != 0 || len(s["points"].([]any)) != 1 {
		t.Errorf("summary: %v", s)
	}
}
