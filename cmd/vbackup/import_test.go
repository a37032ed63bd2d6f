package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vbfs/cmd/internal/clitest"
	"vbfs/ingest/virtnbd/handmade"
)

// began is when the first point of madeSet was made, in universal time; the host's clock shows two hours more.
var began = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

// madeSet writes a set of a full backup and so many increments, of two disks, and gives what they held.
func madeSet(t *testing.T, dir string, incs int) (vda, vdb [][]byte) {
	t.Helper()
	const size = 1 << 20
	a, b := bytes.Repeat([]byte("a0"), size/2), bytes.Repeat([]byte("b0"), size/2)
	for i := 0; i <= incs; i++ {
		s := handmade.Stream{Size: size, Checkpoint: fmt.Sprintf("virtnbdbackup.%d", i), Date: began.Add(time.Duration(i)*24*time.Hour + 2*time.Hour + 3*time.Second), Sum: true}
		fa, fb := []handmade.Frame{{Data: bytes.Clone(a)}}, []handmade.Frame{{Data: bytes.Clone(b)}}
		if i > 0 {
			s.Level, s.Parent = "inc", fmt.Sprintf("virtnbdbackup.%d", i-1)
			part := bytes.Repeat([]byte{byte(i)}, 70_000)
			copy(a[i*10_000:], part)
			copy(b[i*20_000:], part)
			fa, fb = []handmade.Frame{{Off: int64(i * 10_000), Data: part}}, []handmade.Frame{{Off: int64(i * 20_000), Data: part}}
		}
		s.Disk, s.Frames, s.Packed = "vda", fa, true
		s.Write(t, dir)
		s.Disk, s.Frames, s.Packed = "vdb", fb, false
		s.Write(t, dir)
		handmade.Domain(t, dir, s.Checkpoint, "web01", "vda", "vdb", "vdc=raw")
		handmade.Checkpoint(t, dir, s.Checkpoint, began.Add(time.Duration(i)*24*time.Hour).Unix(), "vda", "vdb")
		handmade.File(t, dir, "VARS.fd."+s.Checkpoint, []byte("variables of "+s.Checkpoint))
		vda, vdb = append(vda, bytes.Clone(a)), append(vdb, bytes.Clone(b))
	}
	return vda, vdb
}

// holds tells whether a disk of a point is what it should be.
func holds(l *clitest.Lab, point string, want []byte) {
	l.T.Helper()
	out := l.Path("restored.raw")
	l.OK("vbackup", "restore", "-q", point, out, "--overwrite")
	if !bytes.Equal(l.Bytes(out), want) {
		l.T.Errorf("%s is not what it was", point)
	}
}

func day(i int) string {
	return began.Add(time.Duration(i) * 24 * time.Hour).Format("2006-01-02T15-04-05Z")
}

func TestImport(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	set := l.Path("set")
	vda, vdb := madeSet(t, set, 2)
	plan := l.OK("vbackup", "import", "virtnbdbackup", set, "--dry-run")
	if strings.Count(plan.Out, "would import") != 3 || len(l.Points()) != 0 {
		t.Fatalf("a dry run says %q, and there are %d points", plan.Out, len(l.Points()))
	}
	r := l.OK("vbackup", "import", "virtnbdbackup", set, "--tag", "reason=switch")
	if !strings.Contains(r.Out, "imported 3 points, 0 were there, 0 failed") {
		t.Error(r.Out)
	}
	points := l.Points()
	for i, p := range points {
		if p["name"] != day(i) || p["machine"] != "web01" || p["level"] != []string{"full", "inc", "inc"}[i] {
			t.Errorf("point %d is %v of %v, a %v", i, p["name"], p["machine"], p["level"])
		}
		tags := fmt.Sprint(p["tags"])
		for _, tag := range []string{"reason=switch", "imported-from=virtnbdbackup", "virtnbdbackup-set=" + set, fmt.Sprintf("virtnbdbackup-checkpoint=virtnbdbackup.%d", i)} {
			if !strings.Contains(tags, tag) {
				t.Errorf("point %d: no tag %s in %s", i, tag, tags)
			}
		}
		if warned := strings.Contains(fmt.Sprint(p["warnings"]), "zeros not recorded"); warned != (i > 0) {
			t.Errorf("point %d: warnings %v", i, p["warnings"])
		}
		holds(l, "web01@"+day(i)+":vda", vda[i])
		holds(l, "web01@"+day(i)+":vdb", vdb[i])
	}
	inc := points[1]["disks"].([]any)[0].(map[string]any)
	if inc["read_bytes"].(float64) > 4*65536 || inc["fallback"] != nil && inc["fallback"] != "" {
		t.Errorf("an increment reads %v bytes: %v", inc["read_bytes"], inc["fallback"])
	}
	show := l.OK("vbackup", "show", "web01@"+day(1), "--json").Out
	for _, kept := range []string{"domain.xml", "nvram.fd", "libvirt-domain=" + handmade.UUID, "the set has no stream of it"} {
		if !strings.Contains(show, kept) {
			t.Errorf("no %s in %s", kept, show)
		}
	}
	l.OK("vbackup", "verify", "--read-data")
}

// TestImportAgain imports what is new, and what is there not again, wherever the set lies.
func TestImportAgain(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	set := l.Path("set")
	madeSet(t, set, 1)
	l.OK("vbackup", "import", "virtnbdbackup", set, "--machine", "other")
	moved := l.Path("moved")
	if err := os.Rename(set, moved); err != nil {
		t.Fatal(err)
	}
	vda, _ := madeSet(t, moved, 2)
	r := l.OK("vbackup", "import", "virtnbdbackup", moved, "--machine", "other", "--json")
	lines := l.Lines(r.Out)
	sum := lines[len(lines)-1]
	if sum["type"] != "summary" || len(sum["points"].([]any)) != 1 || sum["points_skipped"] != 2.0 || len(l.Points()) != 3 {
		t.Fatal(r.Out)
	}
	holds(l, "other@"+day(2)+":vda", vda[2])
	inc := l.Points()[2]["disks"].([]any)[0].(map[string]any)
	if inc["read_bytes"].(float64) > 4*65536 {
		t.Errorf("an increment reads %v bytes", inc["read_bytes"])
	}
	l.OK("vbackup", "import", "virtnbdbackup", moved)
	if len(l.Points()) != 6 {
		t.Error("another name is not another machine")
	}
}

// TestImportDamaged fails what a damaged stream is in, and what builds on it, each by name, and imports the rest: once.
func TestImportDamaged(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	set := l.Path("set")
	vda, vdb := madeSet(t, set, 3)
	bad := filepath.Join(set, "vda.inc.virtnbdbackup.2.data")
	good := l.Bytes(bad)
	l.Write(bad, int64(len(good)/2), 1, ^good[len(good)/2])
	r := l.Run("vbackup", "import", "virtnbdbackup", set)
	if r.Code != 3 || strings.Count(r.Err, "vda.inc.virtnbdbackup.2.data: damaged") < 2 {
		t.Fatalf("exit code %d: %s", r.Code, r.Err)
	}
	check := func(complete []bool) {
		t.Helper()
		points := l.Points()
		if len(points) != len(complete) {
			t.Fatalf("%d points of %d", len(points), len(complete))
		}
		for i, p := range points {
			state := p["disks"].([]any)[0].(map[string]any)["state"]
			if (state == "failed") == complete[i] {
				t.Errorf("point %d: vda is %v", i, state)
			}
		}
	}
	check([]bool{true, true, false, false})
	holds(l, "web01@"+day(1)+":vda", vda[1])
	holds(l, "web01@"+day(3)+":vdb", vdb[3])
	if r := l.Run("vbackup", "import", "virtnbdbackup", set); r.Code != 3 || !strings.Contains(r.Out, "imported 0 points, 4 were there, 2 failed") {
		t.Errorf("exit code %d: %s%s", r.Code, r.Out, r.Err)
	}
	check([]bool{true, true, false, false})
	if err := os.WriteFile(bad, good, 0o644); err != nil {
		t.Fatal(err)
	}
	l.OK("vbackup", "import", "virtnbdbackup", set)
	check([]bool{true, true, false, true, false, true}) // by time: the whole ones have the next free second
	holds(l, "web01:vda", vda[3])
	holds(l, "web01:vdb", vdb[3])
	if r := l.OK("vbackup", "import", "virtnbdbackup", set); !strings.Contains(r.Out, "imported 0 points, 4 were there, 0 failed") {
		t.Errorf("%s%s", r.Out, r.Err)
	}
}

// TestImportMissing does without a full backup what can be done.
func TestImportMissing(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	set := l.Path("set")
	madeSet(t, set, 1)
	for _, name := range []string{"vda.full.data", "vdb.full.data"} {
		if err := os.Remove(filepath.Join(set, name)); err != nil {
			t.Fatal(err)
		}
	}
	handmade.File(t, set, "vda.full.data.partial", []byte("meta"))
	r := l.Run("vbackup", "import", "virtnbdbackup", set)
	if r.Code != 1 || !strings.Contains(r.Err, "the set has no stream of vda that was made with it") || !strings.Contains(r.Err, "vda.full.data.partial was not written to its end") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	set, other := l.Path("set"), l.Path("other")
	madeSet(t, set, 0)
	madeSet(t, other, 0)
	handmade.Domain(t, other, "virtnbdbackup.0", "db01", "vda", "vdb")
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{2, "--scratch", []string{"virtnbdbackup", set, "--scratch", "/tmp"}},
		{2, "no kind of backup", []string{"tar", set}},
		{2, "no set was named", []string{"virtnbdbackup"}},
		{2, "two machines, web01 and db01", []string{"virtnbdbackup", set, other, "--machine", "x"}},
		{2, "--tag", []string{"virtnbdbackup", set, "--tag", "x"}},
		{2, "--time-zone", []string{"virtnbdbackup", set, "--time-zone", "Middle/Earth"}},
		{1, "no such file", []string{"virtnbdbackup", l.Path("nothing")}},
		{1, "name the directory itself", []string{"virtnbdbackup", l.Dir}},
	} {
		r := l.Run("vbackup", append([]string{"import"}, c.args...)...)
		if r.Code != c.code || !strings.Contains(r.Err, c.says) {
			t.Errorf("%q: exit code %d, %s", c.args, r.Code, r.Err)
		}
	}
	l.OK("vbackup", "import", "virtnbdbackup", set, other)
	var machines []string
	for _, p := range l.Points() {
		machines = append(machines, p["machine"].(string))
	}
	if !slices.Equal(machines, []string{"db01", "web01"}) {
		t.Errorf("machines %q", machines)
	}
}

// TestImportInterrupted goes on where it was interrupted.
func TestImportInterrupted(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	set := l.Path("set")
	vda, _ := madeSet(t, set, 3)
	p := l.Start("vbackup", "import", "virtnbdbackup", set, "--limit-rate", "1M")
	for end := time.Now().Add(time.Minute); len(l.Points()) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			p.Process.Kill()
			t.Fatal("an import makes no point within a minute")
		}
	}
	p.Process.Signal(os.Interrupt)
	p.Wait()
	if code := p.ProcessState.ExitCode(); code != 130 || len(l.Points()) == 4 {
		t.Fatalf("exit code %d, %d points", code, len(l.Points()))
	}
	l.OK("vbackup", "import", "virtnbdbackup", set)
	if len(l.Points()) != 4 {
		t.Errorf("%d points", len(l.Points()))
	}
	holds(l, "web01:vda", vda[3])
}
