package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vbfs/cmd/internal/clitest"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/object"
)

// A shot is a point of a history: when it was taken, and what the capture said of it.
type shot struct {
	at   string // RFC 3339
	edit func(*format.Manifest)
}

func failed(m *format.Manifest) {
	m.Disks = append(m.Disks, format.Disk{Name: "vdz", State: format.DiskFailed, Reason: "no medium"})
}
func flagged(m *format.Manifest) { m.Anomaly = "changed 90 %" }
func upgrade(m *format.Manifest) { m.Tags = []string{"reason=upgrade"} }

// take puts points without disks into the lab's repository, which has no encryption.
func take(t *testing.T, l *clitest.Lab, machine string, shots ...shot) {
	t.Helper()
	store, err := object.OpenLocal(l.Repo)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	repo, err := index.Open(t.Context(), store, index.OpenOptions{Table: filepath.Join(l.Repo, "table")})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	for _, s := range shots {
		at, err := time.Parse(time.RFC3339, s.at)
		if err != nil {
			t.Fatal(err)
		}
		w, err := repo.Begin(t.Context(), index.BeginOptions{Machine: machine, Time: at})
		if err != nil {
			t.Fatal(err)
		}
		if s.edit != nil {
			s.edit(&w.Manifest)
		}
		if _, err := w.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// names gives the points there are, as MACHINE@NAME.
func names(l *clitest.Lab) (out []string) {
	for _, p := range l.Points() {
		out = append(out, p["machine"].(string)+"@"+p["name"].(string))
	}
	return out
}

// objects gives the names and sizes of all files of the repository.
func objects(l *clitest.Lab) string {
	return l.Tool("find", l.Repo, "-type", "f", "-printf", "%P %s\n")
}

// Whichever point of a chain goes, the others are byte for byte what they were, and the next backup is, too.
func TestForgetAnyOfAChain(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	disk := l.Disk("web01.raw", 18)
	var want [][]byte
	for i := range 4 {
		l.Write(disk, int64(i)<<20, 100<<10, byte(i))
		l.Write(disk, int64(2+4*i)<<20, 70<<10, byte(9-i))
		want = append(want, l.Bytes(disk))
		l.OK("vbackup", "backup", "-q", disk)
	}
	points := names(l)
	l.Tool("cp", "-a", l.Repo, l.Path("all"))
	for _, gone := range [][]int{{0}, {1}, {3}, {0, 1, 3}, {1, 2, 3}} {
		l.Tool("rm", "-rf", l.Repo)
		l.Tool("cp", "-a", l.Path("all"), l.Repo)
		args := []string{"forget"}
		for _, i := range gone {
			args = append(args, points[i])
		}
		if r := l.OK("vbackup", args...); !strings.Contains(r.Err, "vbackup prune") {
			t.Errorf("no hint: %s", r.Err)
		}
		if r := l.Run("vbackup", args...); r.Code != 10 {
			t.Errorf("forgotten again: exit code %d", r.Code)
		}
		for i, p := range points {
			if slices.Contains(gone, i) {
				continue
			}
			l.OK("vbackup", "restore", "-q", "--overwrite", p, l.Path("x.raw"))
			l.Same(l.Path("x.raw"), want[i])
		}
		l.OK("vbackup", "verify", "--read-data")
		l.OK("vbackup", "backup", "-q", disk)
		l.OK("vbackup", "restore", "-q", "--overwrite", "web01", l.Path("x.raw"))
		l.Same(l.Path("x.raw"), want[3])
		if n := len(names(l)); n != len(points)-len(gone)+1 {
			t.Errorf("without %v: %d points", gone, n)
		}
	}
}

// Each machine is judged for itself, by the zone's days; a dry run says the same and changes nothing.
func TestForgetByRules(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	take(t, l, "db:1",
		shot{at: "2026-11-10T22:30:00Z"}, shot{at: "2026-11-10T23:30:00Z"}, shot{at: "2026-11-11T22:30:00Z"})
	take(t, l, "web01",
		shot{at: "2026-10-01T00:00:00Z", edit: upgrade}, shot{at: "2026-10-02T00:00:00Z"},
		shot{at: "2026-10-03T00:00:00Z"}, shot{at: "2026-10-03T05:00:00Z", edit: failed})
	rules := []string{"forget", "--keep-daily", "2", "--keep-tag", "reason=upgrade", "--timezone", "Europe/Berlin", "--json"}
	before := objects(l)
	dry := l.Lines(l.OK("vbackup", append(rules, "--dry-run")...).Out)
	if now := objects(l); now != before {
		t.Fatalf("a dry run changed\n%s to\n%s", before, now)
	}
	lines := l.Lines(l.OK("vbackup", rules...).Out)
	want := map[string]string{
		"db:1@2026-11-10T22-30-00Z":  "daily 2026-11-10", // 23:30 in Berlin
		"db:1@2026-11-10T23-30-00Z":  "",
		"db:1@2026-11-11T22-30-00Z":  "newest good point, daily 2026-11-11",
		"web01@2026-10-01T00-00-00Z": "tag reason=upgrade",
		"web01@2026-10-02T00-00-00Z": "daily 2026-10-02",
		"web01@2026-10-03T00-00-00Z": "newest good point, daily 2026-10-03",
		"web01@2026-10-03T05-00-00Z": "failed: no newer good point",
	}
	check := func(lines []map[string]any, dryRun bool) {
		t.Helper()
		got := map[string]string{}
		for _, p := range lines[:len(lines)-1] {
			var why []string
			for _, r := range p["reasons"].([]any) {
				why = append(why, r.(string))
			}
			if p["keep"] == false {
				why = nil
			}
			got[p["machine"].(string)+"@"+p["name"].(string)] = strings.Join(why, ", ")
			if p["type"] != "point" || p["dry_run"] != dryRun || len(p["id"].(string)) != 32 || p["time"] == "" {
				t.Errorf("line %v", p)
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("verdicts are %v, not %v", got, want)
		}
		last := fmt.Sprint(lines[len(lines)-1])
		if last != fmt.Sprintf("map[dry_run:%v forgotten:1 kept:6 machines:2 type:summary]", dryRun) {
			t.Errorf("summary %s", last)
		}
	}
	check(dry, true)
	check(lines, false)
	left := slices.Sorted(maps.Keys(want))
	if now := names(l); !slices.Equal(now, slices.DeleteFunc(left, func(n string) bool { return want[n] == "" })) {
		t.Errorf("left are %v", now)
	}
	if r := l.OK("vbackup", rules[:len(rules)-1]...); !strings.Contains(r.Out, "keep     tag reason=upgrade") || !strings.Contains(r.Err, "forgot nothing") {
		t.Errorf("table\n%s%s", r.Out, r.Err)
	}
	l.OK("vbackup", "forget", "--keep-last", "1", "db:1")
	if n := len(names(l)); n != 5 {
		t.Errorf("%d points after one machine's rules", n)
	}
}

// A protected point stays, whoever asks, until the protection is taken off.
func TestProtect(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	take(t, l, "m", shot{at: "2026-10-01T00:00:00Z"}, shot{at: "2026-10-02T00:00:00Z"}, shot{at: "2026-10-03T00:00:00Z"})
	point := "m@2026-10-01T00-00-00Z"
	summary := l.Lines(l.OK("vbackup", "protect", point, "--json").Out)[0]
	if summary["protected"] != true || summary["type"] != "summary" {
		t.Errorf("summary: %v", summary)
	}
	before := objects(l)
	l.OK("vbackup", "protect", point)
	if objects(l) != before {
		t.Error("a second note says the same")
	}
	if r := l.Run("vbackup", "forget", "m@2026-10-02T00-00-00Z", point); r.Code != 1 || !strings.Contains(r.Err, "vbackup protect --off") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	l.OK("vbackup", "forget", "--keep-last", "2")
	if n := len(names(l)); n != 3 || l.Points()[0]["protected"] != true || l.Points()[1]["protected"] != false {
		t.Errorf("%v", l.Points())
	}
	if r := l.OK("vbackup", "points"); strings.Count(r.Out, "protected") != 1 {
		t.Errorf("points: %s", r.Out)
	}
	if r := l.OK("vbackup", "show", point); !strings.Contains(r.Out, "protected") {
		t.Errorf("show: %s", r.Out)
	}
	l.OK("vbackup", "protect", point, "--off")
	l.OK("vbackup", "protect", point)
	l.OK("vbackup", "protect", point, "--off")
	if n := l.Tool("find", l.Repo+"/notes", "-type", "f"); strings.Count(n, "\n") != 1 {
		t.Errorf("notes: %s", n)
	}
	l.OK("vbackup", "forget", point)
	if n := l.Tool("find", l.Repo+"/notes", "-type", "f"); n != "" {
		t.Errorf("notes of a forgotten point: %s", n)
	}
}

// A note that is damaged hides no point, and the point is kept in doubt until somebody says otherwise.
func TestDamagedNote(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	take(t, l, "m", shot{at: "2026-10-01T00:00:00Z"}, shot{at: "2026-10-02T00:00:00Z"})
	point := "m@2026-10-01T00-00-00Z"
	l.OK("vbackup", "protect", point)
	l.OK("vbackup", "protect", point, "--off")
	note, err := filepath.Glob(l.Repo + "/notes/*/*")
	if err != nil || len(note) != 1 {
		t.Fatal(note, err)
	}
	name, _ := filepath.Rel(l.Repo, note[0])
	if r := l.OK("vbackup", "dump", name); !strings.Contains(r.Out, `"Kind": "protected"`) {
		t.Errorf("dump: %s", r.Out)
	}
	l.Flip("repo/notes/*/*", 100)
	if r := l.Run("vbackup", "verify"); r.Code != 4 || !strings.Contains(r.Out+r.Err, "notes/") {
		t.Errorf("verify: exit code %d: %s", r.Code, r.Err)
	}
	if r := l.OK("vbackup", "points"); strings.Count(r.Out, "m@") != 2 || !strings.Contains(r.Out, "damaged note") {
		t.Errorf("points: %s", r.Out)
	}
	l.OK("vbackup", "forget", "--keep-last", "1")
	if r := l.Run("vbackup", "forget", point); r.Code != 1 {
		t.Errorf("exit code %d", r.Code)
	}
	l.OK("vbackup", "protect", point, "--off")
	l.OK("vbackup", "forget", point)
	l.OK("vbackup", "verify")
}

// Junk ages nothing out: not what failed, not what is of the future, and after an anomaly nothing does until it is accepted.
func TestRetentionAttack(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	good := []shot{{at: "2026-10-01T00:00:00Z"}, {at: "2026-10-02T00:00:00Z"}, {at: "2026-10-03T00:00:00Z"}}
	take(t, l, "m", good...)
	var junk []shot
	for i := range 5 {
		junk = append(junk, shot{fmt.Sprintf("2026-10-04T0%d:00:00Z", i), failed}, shot{fmt.Sprintf("21%d6-10-04T00:00:00Z", i), nil})
	}
	junk = append(junk, shot{"2026-10-05T00:00:00Z", flagged})
	for i := range 5 {
		junk = append(junk, shot{fmt.Sprintf("2026-10-06T0%d:00:00Z", i), nil})
	}
	take(t, l, "m", junk...)
	rules := []string{"forget", "--keep-last", "2", "--keep-within", "2h"}
	l.OK("vbackup", rules...)
	now := names(l)
	if !slices.Contains(now, "m@2026-10-02T00-00-00Z") || !slices.Contains(now, "m@2026-10-03T00-00-00Z") || slices.Contains(now, "m@2026-10-01T00-00-00Z") {
		t.Errorf("left are %v", now)
	}
	flag := "m@2026-10-05T00-00-00Z"
	if r := l.OK("vbackup", "show", flag); !strings.Contains(r.Out, "anomaly") || strings.Contains(r.Out, "accepted") {
		t.Errorf("show: %s", r.Out)
	}
	if r := l.Run("vbackup", "protect", "--normal", now[0]); r.Code != 1 || !strings.Contains(r.Err, "not flagged") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	l.OK("vbackup", "protect", "--normal", flag)
	if whole := l.Lines(l.OK("vbackup", "show", flag, "--json").Out)[0]; whole["anomaly"] != "changed 90 %" || whole["anomaly_accepted"] != true {
		t.Errorf("show: %v", whole)
	}
	l.OK("vbackup", "protect", "--normal", "--off", flag)
	l.OK("vbackup", rules...)
	if again := names(l); !slices.Equal(again, now) {
		t.Errorf("left are %v, not %v", again, now)
	}
	l.OK("vbackup", "protect", "--normal", flag)
	l.OK("vbackup", rules...)
	if now := names(l); len(now) != 3+5 || now[0] != "m@2026-10-06T02-00-00Z" {
		t.Errorf("after the anomaly was accepted: %v", now)
	}
}

// A point whose manifest is damaged takes no good one's place, though the catalog still knows it.
func TestForgetReadsManifests(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	take(t, l, "m", shot{at: "2026-10-01T00:00:00Z"}, shot{at: "2026-10-02T00:00:00Z"})
	newest := l.Points()[1]["id"].(string)
	l.Flip("repo/points/*/"+newest, 100)
	r := l.OK("vbackup", "forget", "--keep-last", "1")
	if len(names(l)) != 2 || !strings.Contains(r.Out, "damaged: no newer good point") {
		t.Errorf("%s", r.Out)
	}
	if r := l.Run("vbackup", "forget", "m@2026-10-01T00-00-00Z"); r.Code != 1 || !strings.Contains(r.Err, "last good point") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	if err := os.RemoveAll(l.Path("repo/table")); err != nil {
		t.Fatal(err)
	}
	if r := l.Run("vbackup", "forget", "--keep-last", "1"); r.Code != 4 || !strings.Contains(r.Err, newest) {
		t.Errorf("without the catalog: exit code %d: %s", r.Code, r.Err)
	}
}

func TestForgetRefusals(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	take(t, l, "m", shot{at: "2026-10-01T00:00:00Z", edit: failed}, shot{at: "2026-10-02T00:00:00Z"})
	take(t, l, "other", shot{at: "2026-10-03T00:00:00Z"})
	before := objects(l)
	refuse(t, l, []refusal{
		{"nothing said", []string{"forget"}, 2, "say what to keep"},
		{"no number is no rule", []string{"forget", "--keep-last", "0"}, 2, "say what to keep"},
		{"a machine without rules", []string{"forget", "m"}, 2, "m is a machine"},
		{"the newest", []string{"forget", "m@latest"}, 2, "m@latest"},
		{"a day", []string{"forget", "m@2026-10-01"}, 2, "m@2026-10-01"},
		{"a disk", []string{"forget", "m@2026-10-02T00-00-00Z:vda"}, 2, "disk"},
		{"no such point", []string{"forget", "m@2026-10-09T00-00-00Z"}, 10, "m@2026-10-09T00-00-00Z"},
		{"no such machine", []string{"forget", "--keep-last", "1", "m", "n"}, 10, "machine n"},
		{"a point with rules", []string{"forget", "--keep-last", "1", "m@2026-10-02T00-00-00Z"}, 2, "is a point"},
		{"the last good point", []string{"forget", "m@2026-10-02T00-00-00Z"}, 1, "last good point"},
		{"one of two unknown", []string{"forget", "m@2026-10-01T00-00-00Z", "x@2026-10-01T00-00-00Z"}, 10, "x@"},
		{"no number", []string{"forget", "--keep-last", "many"}, 2, "many"},
		{"a negative number", []string{"forget", "--keep-daily", "-2"}, 2, "-2"},
		{"no duration", []string{"forget", "--keep-within", "1h30m"}, 2, "1h30m"},
		{"no zone", []string{"forget", "--keep-last", "1", "--timezone", "Mars/Olympus"}, 2, "Mars/Olympus"},
		{"no tag", []string{"forget", "--keep-tag", "x"}, 2, "K=V"},
		{"protect a disk", []string{"protect", "m:vda"}, 2, "disk"},
		{"protect nothing", []string{"protect", "n"}, 10, "n"},
	})
	t.Cleanup(func() {
		if now := objects(l); now != before {
			t.Errorf("refusals changed\n%s to\n%s", before, now)
		}
		l.T = t
		l.OK("vbackup", "forget", "--allow-empty", "m@2026-10-02T00-00-00Z")
		if n := names(l); len(n) != 2 {
			t.Errorf("left are %v", n)
		}
	})
}

// What a later release marked is not taken from; a full disk is no hindrance.
func TestForgetElsewhere(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	take(t, l, "m", shot{at: "2026-10-01T00:00:00Z"}, shot{at: "2026-10-02T00:00:00Z"})
	if err := os.MkdirAll(l.Path("repo/features"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, class := range []string{"gc", "ro"} {
		feature := l.Path("repo/features/" + class + "-shared")
		if err := os.WriteFile(feature, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if r := l.Run("vbackup", "forget", "--keep-last", "1"); r.Code != 1 || !strings.Contains(r.Err, class+"-shared") {
			t.Errorf("%s: exit code %d: %s", class, r.Code, r.Err)
		}
		os.Remove(feature)
	}
	l.Tool("mkdir", "small")
	l.Tool("mount", "-t", "tmpfs", "-o", "size=16m", "small", l.Path("small"))
	t.Cleanup(func() { l.Tool("umount", l.Path("small")) })
	l.Tool("cp", "-a", l.Repo, l.Path("small/repo"))
	if err := l.Try("dd", "if=/dev/zero", "of=small/fill", "bs=4096"); err == nil {
		t.Fatal("the disk is not full")
	}
	l.OK("vbackup", "forget", "-r", l.Path("small/repo"), "--keep-last", "1")
	if n := strings.Count(l.OK("vbackup", "points", "-r", l.Path("small/repo")).Out, "m@"); n != 1 {
		t.Errorf("%d points", n)
	}
}

// Where verification is required, points that were not verified push no verified one out.
func TestForgetRequireVerified(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	disk := l.Disk("web01.raw", 2)
	l.OK("vbackup", "backup", disk)
	l.OK("vbackup", "verify", "--read-data")
	verified := l.Points()[0]["id"]
	for i := range 3 {
		l.Write(disk, int64(i)<<17, 4096, byte(i))
		l.OK("vbackup", "backup", disk)
	}
	l.OK("vbackup", "forget", "--keep-last", "1", "--require-verified")
	kept := map[any]bool{}
	for _, p := range l.Points() {
		kept[p["id"]] = true
	}
	if !kept[verified] {
		t.Error("the only verified point went")
	}
	l.OK("vbackup", "verify", "--read-data")
	l.OK("vbackup", "forget", "--keep-last", "1", "--require-verified")
	if n := len(l.Points()); n != 1 {
		t.Errorf("%d points are left", n)
	}
}
