package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"vbfs/cmd/internal/clitest"
)

// other makes a second repository without encryption, and gives a lab that has it as its first.
func other(t *testing.T, l *clitest.Lab, args ...string) *clitest.Lab {
	t.Helper()
	second := with(l, t, "VBACKUP_REPO="+l.Path("second"))
	second.Repo = l.Path("second")
	second.OK("vbackup", append([]string{"init", "-q", "--no-encryption"}, args...)...)
	return second
}

// Points go to a repository with another password; again nothing is copied; and they come back from there.
func TestCopy(t *testing.T) {
	t.Parallel()
	l := clitest.New(t)
	l.Env = append(l.Env, "VBACKUP_PASSWORD=first")
	l.OK("vbackup", "init")
	second := with(l, t, "VBACKUP_PASSWORD=second", "VBACKUP_REPO="+l.Path("second"))
	second.Repo = l.Path("second")
	second.OK("vbackup", "init", "--compression", "lz4")

	disk := l.Disk("web01.raw", 4)
	var states [][]byte
	for i := range 3 {
		l.Write(disk, int64(i)<<20, 100<<10, byte(i+1))
		states = append(states, l.Bytes(disk))
		l.OK("vbackup", "backup", disk, "--tag", "a=b")
	}
	if r := l.Run("vbackup", "copy", "web01", "--to", second.Repo); r.Code != 12 || !strings.Contains(r.Err, "VBACKUP_TO_PASSWORD_FILE") {
		t.Fatalf("without the password: exit code %d: %s", r.Code, r.Err)
	}
	l.Env = append(l.Env, "VBACKUP_TO_PASSWORD=second")
	points := l.Points()
	lines := l.Lines(l.OK("vbackup", "copy", "web01", "--to", second.Repo, "--json").Out)
	origin, _ := lines[0]["origin"].(map[string]any)
	if len(lines) != 2 || lines[0]["type"] != "point" || origin["id"] != points[2]["id"] || lines[1]["points_copied"] != 1.0 {
		t.Fatalf("a machine is its newest point: %v", lines)
	}
	r := l.OK("vbackup", "copy", "--all", "--to", second.Repo)
	if !strings.Contains(r.Out, "copied 2 points") || !strings.Contains(r.Err, "there already") {
		t.Errorf("the others: %s%s", r.Out, r.Err)
	}
	for i, p := range second.Points() {
		if p["id"] == points[i]["id"] || p["name"] != points[i]["name"] || fmt.Sprint(p["tags"]) != "[a=b]" {
			t.Errorf("copied %v", p)
		}
		to := fmt.Sprintf("%s%d.raw", l.Path("restored"), i)
		second.OK("vbackup", "restore", "web01@"+p["name"].(string), to)
		l.Same(to, states[i])
	}
	second.OK("vbackup", "verify", "--read-data")
	lines = l.Lines(l.OK("vbackup", "copy", "--all", "web01", "--to", second.Repo, "--json").Out)
	if last := lines[3]; last["points_copied"] != 0.0 || last["points_skipped"] != 3.0 || last["read_bytes"] != 0.0 {
		t.Errorf("again: %v", lines)
	}
	second.Env = append(second.Env, "VBACKUP_TO_PASSWORD_COMMAND=echo first")
	if r := second.OK("vbackup", "copy", "--all", "--to", l.Repo); !strings.Contains(r.Out, "copied 0 points") {
		t.Errorf("back: %s", r.Out)
	}
}

// The password of the other repository is asked for when nothing else opens it; an identity does, too.
func TestCopyAsks(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	l.OK("vbackup", "backup", l.Disk("web01.raw", 1))
	secret := with(l, t, "VBACKUP_PASSWORD=secret")
	secret.OK("vbackup", "init", "-r", l.Path("second"))
	code, screen := l.OnTerminal([]string{"secret"}, "vbackup", "copy", "web01", "--to", l.Path("second"))
	if code != 0 || !strings.Contains(screen, "repository "+l.Path("second")) {
		t.Errorf("exit code %d: %s", code, screen)
	}
	secret.OK("vbackup", "key", "add", "-r", l.Path("second"), "--age", identity(l, "escrow"))
	with(l, t, "VBACKUP_TO_IDENTITY_FILE="+l.Path("escrow")).OK("vbackup", "copy", "web01", "--to", l.Path("second"))
}

// Partial points are copied when they are named exactly, and with all others they are not.
func TestCopyOfPartialPoints(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	second := other(t, l)
	disk := l.Disk("a.raw", 1)
	l.OK("vbackup", "backup", "--machine", "m", disk)
	if r := l.Run("vbackup", "backup", "--machine", "m", disk, l.Path("none.raw")); r.Code == 0 {
		t.Fatal(r)
	}
	l.OK("vbackup", "copy", "--all", "--to", second.Repo)
	if n := len(second.Points()); n != 1 {
		t.Errorf("%d points", n)
	}
	partial := l.Points()[1]
	l.OK("vbackup", "copy", "m@"+partial["id"].(string)[:8], "--to", second.Repo)
	if points := second.Points(); len(points) != 2 || points[1]["complete"] != false {
		t.Errorf("points: %v", points)
	}
}

// A point with damaged bytes fails; the others are copied.
func TestCopyOfDamaged(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	l.OK("vbackup", "backup", l.Disk("bad.raw", 1))
	back := l.Flip("repo/packs/*/*", 300_000)
	second := other(t, l)
	if r := l.Run("vbackup", "copy", "--all", "--to", second.Repo); r.Code != 4 || !strings.Contains(r.Err, "bad@") {
		t.Errorf("exit code %d: %s%s", r.Code, r.Out, r.Err)
	}
	l.OK("vbackup", "backup", l.Disk("good.raw", 2))
	if r := l.Run("vbackup", "copy", "--all", "--to", second.Repo); r.Code != 3 || !strings.Contains(r.Out, "1 failed") {
		t.Errorf("exit code %d: %s%s", r.Code, r.Out, r.Err)
	}
	back()
	l.OK("vbackup", "copy", "--all", "--to", second.Repo)
	second.OK("vbackup", "verify", "--read-data")
	if n := len(second.Points()); n != 2 {
		t.Errorf("%d points", n)
	}
}

// A machine that is being backed up there is left alone, and so is another machine of the same name.
func TestCopyBesideAnotherMachine(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	second := other(t, l)
	disk := l.Disk("web01.raw", 12)
	l.OK("vbackup", "backup", disk)
	backup := second.Start("vbackup", "backup", "--limit-rate", "4M", disk)
	clitest.Until(t, "a session", func() bool { names, _ := os.ReadDir(second.Path("second/sessions")); return len(names) > 0 })
	if r := l.Run("vbackup", "copy", "web01", "--to", second.Repo); r.Code != 11 || !strings.Contains(r.Err, "web01") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	if r := backup.End(0); r.Code != 0 {
		t.Fatal(r)
	}
	if r := l.Run("vbackup", "copy", "web01", "--to", second.Repo); r.Code != 1 || !strings.Contains(r.Err, "another machine has this name") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
}

// A copy that is killed again and again comes to its end, with every byte right.
func TestKilledCopies(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	second := other(t, l)
	disk := l.Disk("web01.raw", 24)
	for i := range 3 {
		l.Write(disk, int64(i)<<22, 1<<20, byte(i+1))
		l.OK("vbackup", "backup", disk)
	}
	kill := "inject=fsync,fdatasync,linkat,renameat2:signal=SIGKILL:when=" // counts for each thread
	killed := 0
	for n := 1; n <= 30; n++ {
		if l.Try("strace", "-f", "-qq", "-o", "/dev/null", "-e", fmt.Sprint(kill, n), clitest.Program("vbackup"), "copy", "-r", l.Repo,
			"--all", "--to", second.Repo) == nil {
			break
		}
		killed++
		second.OK("vbackup", "verify", "--read-data")
	}
	if killed < 3 {
		t.Errorf("killed %d times", killed)
	}
	l.OK("vbackup", "copy", "--all", "--to", second.Repo)
	second.OK("vbackup", "verify", "--read-data")
	if n := len(second.Points()); n != 3 {
		t.Errorf("%d points", n)
	}
	second.OK("vbackup", "restore", "web01", l.Path("x.raw"))
	l.Same(l.Path("x.raw"), l.Bytes(disk))
}
