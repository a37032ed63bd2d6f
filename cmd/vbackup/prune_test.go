package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vbfs/cmd/internal/clitest"
)

// aged makes a repository of five points of one disk, of which the first, third and fourth are forgotten, and gives what the
// others hold.
func aged(t *testing.T, l *clitest.Lab) (disk string, holds map[string][]byte) {
	t.Helper()
	disk = l.Disk("web01.raw", 40)
	holds = map[string][]byte{}
	var names []string
	for i := range 5 {
		l.Write(disk, int64(i)<<21+100, 3<<20, byte(i))
		l.OK("vbackup", "backup", disk)
		points := l.Points()
		name := points[len(points)-1]["name"].(string)
		names = append(names, name)
		holds[name] = l.Bytes(disk)
	}
	for _, i := range []int{0, 2, 3} {
		l.OK("vbackup", "forget", "web01@"+names[i])
		delete(holds, names[i])
	}
	return disk, holds
}

// intact restores every point.
func intact(t *testing.T, l *clitest.Lab, holds map[string][]byte) {
	t.Helper()
	for name, want := range holds {
		if got := l.OK("vbackup", "restore", "web01@"+name, "-").Out; got != string(want) {
			t.Errorf("%s came back with other bytes", name)
		}
	}
	l.OK("vbackup", "verify", "--read-data")
}

// size sums up what lies below folders of the repository.
func size(t *testing.T, l *clitest.Lab, folders ...string) (sum int64) {
	t.Helper()
	for _, f := range folders {
		err := filepath.WalkDir(l.Path("repo/"+f), func(_ string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			sum += info.Size()
			return err
		})
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	return sum
}

func TestPrune(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	_, holds := aged(t, l)
	before := size(t, l, "packs", "bundles")
	dry := l.Lines(l.OK("vbackup", "prune", "--dry-run", "--json").Out)
	if got := size(t, l, "packs", "bundles"); got != before {
		t.Fatalf("a dry run changed %d bytes to %d", before, got)
	}
	if d := dry[len(dry)-1]; d["type"] != "summary" || d["dry_run"] != true || d["freed_bytes"].(float64) <= 0 {
		t.Errorf("dry run: %v", d)
	}
	lines := l.Lines(l.OK("vbackup", "prune", "--max-unused", "0", "--json").Out)
	sum := lines[len(lines)-1]
	after := size(t, l, "packs", "bundles")
	if freed := sum["freed_bytes"].(float64); int64(freed) != before-after {
		t.Errorf("freed %v bytes, but %d are %d", freed, before, after)
	}
	if sum["unused_bytes"].(float64) > 0 || sum["bundles"].(float64) == 0 {
		t.Errorf("summary: %v", sum)
	}
	intact(t, l, holds)
	l.OK("vbackup", "rebuild-table")
	intact(t, l, holds)
	if again := l.OK("vbackup", "prune").Out; !strings.HasPrefix(again, "freed 0 B") {
		t.Errorf("a second prune: %s", again)
	}
}

// What prune must not touch it does not: a wrong share is refused, and a map that cannot be read stops it.
func TestPruneStopsAtDamage(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	aged(t, l)
	if r := l.Run("vbackup", "prune", "--max-unused", "120%"); r.Code != 2 {
		t.Errorf("120 %%: exit code %d", r.Code)
	}
	packs, err := filepath.Glob(l.Path("repo/packs/*/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packs {
		if b := l.Bytes(p); b[10] != 10 { // kind: map nodes
			continue
		}
		if err := os.Truncate(p, 200); err != nil {
			t.Fatal(err)
		}
	}
	before := size(t, l, "packs")
	r := l.Run("vbackup", "prune", "--max-unused", "0")
	if r.Code != 4 || !strings.Contains(r.Err, "nothing was deleted") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	if after := size(t, l, "packs"); after != before {
		t.Errorf("%d bytes of packs are %d", before, after)
	}
}

// slow begins a backup that takes a while, and waits for its session.
func slow(t *testing.T, l *clitest.Lab, disk string) *clitest.Process {
	t.Helper()
	p := l.Start("vbackup", "backup", "--limit-rate", "1M", disk)
	clitest.Until(t, "a session", func() bool {
		found, err := filepath.Glob(l.Path("repo/sessions/*"))
		return err == nil && len(found) > 0
	})
	return p
}

// A session whose process is gone is ended, one that may be alive only when it is forced: it then makes no point.
func TestUnlock(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	if r := l.OK("vbackup", "unlock"); !strings.Contains(r.Err, "nothing is locked") {
		t.Errorf("nothing to unlock: %s", r.Err)
	}
	if r := l.Run("vbackup", "unlock", "--force"); r.Code != 2 {
		t.Errorf("--force without a machine: exit code %d", r.Code)
	}
	disk := l.Disk("web01.raw", 8)
	dead := slow(t, l, disk)
	dead.End(syscall.SIGKILL)
	if r := l.OK("vbackup", "unlock", "--dry-run"); !strings.Contains(r.Out, "would be ended") {
		t.Errorf("dry run: %s", r.Out)
	}
	if r := l.OK("vbackup", "unlock"); !strings.Contains(r.Out, "web01: session of process") || !strings.Contains(r.Out, "had died") {
		t.Errorf("a dead session: %s", r.Out)
	}
	p := slow(t, l, disk)
	if r := l.OK("vbackup", "unlock"); !strings.Contains(r.Out, "left alone") {
		t.Errorf("a live session: %s", r.Out)
	}
	lines := l.Lines(l.OK("vbackup", "unlock", "--force", "web01", "--json").Out)
	if lines[0]["alive"] != true || lines[0]["ended"] != true || lines[1]["ended"] != 1.0 {
		t.Errorf("forced: %v", lines)
	}
	if r := p.End(0); r.Code != 1 || !strings.Contains(r.Err, "ended from outside") {
		t.Errorf("the backup that was ended: exit code %d: %s", r.Code, r.Err)
	}
	if n := len(l.Points()); n != 0 {
		t.Errorf("%d points", n)
	}
}

// Forget frees the space itself when it is told to.
func TestForgetAndPrune(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	_, holds := aged(t, l)
	before := size(t, l, "packs", "bundles")
	lines := l.Lines(l.OK("vbackup", "forget", "--keep-last", "1", "--prune", "--max-unused", "0", "--json").Out)
	last := lines[len(lines)-1]
	if p := lines[len(lines)-2]; p["type"] != "prune" || last["type"] != "summary" || last["forgotten"] != 1.0 {
		t.Errorf("%v", lines)
	}
	if after := size(t, l, "packs", "bundles"); after >= before {
		t.Errorf("%d bytes are %d", before, after)
	}
	for name := range holds {
		if name != l.Points()[0]["name"] {
			delete(holds, name)
		}
	}
	intact(t, l, holds)
}
