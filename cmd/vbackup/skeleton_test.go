package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"vbfs/cmd/internal/clitest"
)

// Two points of a disk are listed, compared, verified and come back as they were.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	l := clitest.New(t)
	l.Env = append(l.Env, "VBACKUP_PASSWORD=secret")
	l.OK("vbackup", "init")
	disk := l.Disk("web01.raw", 20)
	first := l.Bytes(disk)
	if r := l.OK("vbackup", "backup", disk, "--tag", "reason=test"); !strings.Contains(r.Out, "  full, read ") {
		t.Errorf("summary: %q", r.Out)
	}
	l.Write(disk, 3<<20+100, 200<<10, 7)
	second := l.Bytes(disk)
	l.OK("vbackup", "backup", disk)
	points := l.Points()
	if len(points) != 2 {
		t.Fatalf("%d points", len(points))
	}
	for i, want := range [][]byte{first, second} {
		to := fmt.Sprintf("%s%d.raw", l.Path("restored"), i)
		l.OK("vbackup", "restore", "--verify", "web01@"+points[i]["name"].(string), to)
		l.Same(to, want)
	}
	if r := l.OK("vbackup", "restore", "web01", "-"); r.Out != string(second) {
		t.Error("standard output got other bytes")
	}
	l.OK("vbackup", "verify", "--read-data")
	diff := l.Lines(l.OK("vbackup", "diff", "--json", "web01@"+points[0]["id"].(string)[:8], "web01").Out)
	if len(diff) != 2 || diff[0]["offset_bytes"] != 3.0*(1<<20) || diff[0]["length_bytes"] != 4.0*(1<<16) {
		t.Errorf("diff: %v", diff)
	}
	if show := l.OK("vbackup", "show", "web01@latest").Out; !strings.Contains(show, "disk disk0") {
		t.Errorf("show: %s", show)
	}
}

// The shape of JSON lines is a contract.
func TestJSON(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	disk := l.Disk("web01.raw", 1)
	lines := l.Lines(l.OK("vbackup", "backup", "--json", disk, "--tag", "a=b").Out)
	last := lines[len(lines)-1]
	if len(lines) != 2 || lines[0]["type"] != "point" || last["type"] != "summary" || len(last["points"].([]any)) != 1 {
		t.Fatalf("backup: %v", lines)
	}
	point := l.Points()[0]
	for _, field := range []string{"id", "machine", "name", "time", "level", "consistency", "tags", "disks", "warnings"} {
		if _, ok := point[field]; !ok {
			t.Errorf("a point without %s: %v", field, point)
		}
	}
	d := point["disks"].([]any)[0].(map[string]any)
	for _, field := range []string{"name", "size_bytes", "read_bytes", "changed_bytes", "new_bytes", "stored_bytes", "audited_bytes", "fallback"} {
		if _, ok := d[field]; !ok {
			t.Errorf("a disk without %s: %v", field, d)
		}
	}
	if whole := l.Lines(l.OK("vbackup", "show", "--json", "web01").Out)[0]; whole["id"] != point["id"] || whole["tool"] == "" {
		t.Errorf("show: %v", whole)
	}
	for _, args := range [][]string{
		{"points"}, {"verify"}, {"check"}, {"stats"}, {"rebuild-table"}, {"dump", "config"}, {"doctor"}, {"restore", "web01", l.Path("x.raw")},
		{"backup", "--dry-run", disk},
	} {
		lines := l.Lines(l.OK("vbackup", append(args, "--json")...).Out)
		if lines[len(lines)-1]["type"] != "summary" {
			t.Errorf("%v ends with %v", args, lines[len(lines)-1])
		}
	}
}

// What a lost table costs is told, and mended.
func TestCheckAndRebuild(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	l.OK("vbackup", "backup", l.Disk("web01.raw", 1))
	l.OK("vbackup", "check")
	if err := os.RemoveAll(l.Path("repo/table")); err != nil {
		t.Fatal(err)
	}
	if r := l.Run("vbackup", "check"); r.Code != 4 || !strings.Contains(r.Err, "rebuild-table") {
		t.Errorf("exit code %d: %s%s", r.Code, r.Out, r.Err)
	}
	l.OK("vbackup", "rebuild-table")
	l.OK("vbackup", "check")
}

// Disks come back in each format, and only in the place of what may be replaced.
func TestRestoreFormats(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	l.Disk("web01.raw", 4)
	l.OK("vbackup", "backup", "web01.raw")
	for _, format := range []string{"qcow2", "vmdk"} {
		to := "x." + format
		l.OK("vbackup", "restore", "web01", to, "--verify")
		l.Tool("qemu-img", "compare", "-f", "raw", "-F", format, "web01.raw", to)
		if r := l.Run("vbackup", "restore", "web01", to); r.Code != 1 || !strings.Contains(r.Err, "--overwrite") {
			t.Errorf("%s: exit code %d: %s", to, r.Code, r.Err)
		}
		l.OK("vbackup", "restore", "web01", to, "--overwrite")
	}
	for size, want := range map[string]int{"1M": 1, "5M": 0} {
		end := server(t, l, "nbdkit", "-f", "-U", l.Path("nbd.sock"), "memory", size)
		r := l.Run("vbackup", "restore", "web01", "nbd+unix:///?socket="+l.Path("nbd.sock"), "--verify")
		if r.Code != want {
			t.Errorf("a server of %s: exit code %d: %s", size, r.Code, r.Err)
		}
		end()
	}
}

// Several disks make one machine, and a restore wants to know which.
func TestMachineOfSeveralDisks(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	a, b := l.Disk("a.raw", 1), l.Disk("b.raw", 2)
	l.OK("vbackup", "backup", "--machine", "db01", "vda="+a, b)
	r := l.Run("vbackup", "restore", "db01", l.Path("x.raw"))
	if r.Code != 2 || !strings.Contains(r.Err, "disk1, vda") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	l.OK("vbackup", "restore", "db01:vda", l.Path("x.raw"))
	l.Same(l.Path("x.raw"), l.Bytes(a))
}

// One machine that fails does not keep the others from being captured.
func TestPartly(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	good := l.Disk("good.raw", 1)
	r := l.Run("vbackup", "backup", "--json", l.Path("bad.raw"), good)
	lines := l.Lines(r.Out)
	if r.Code != 3 || lines[0]["type"] != "error" || !strings.Contains(lines[0]["message"].(string), "bad") {
		t.Errorf("exit code %d: %v", r.Code, lines)
	}
	if failed := lines[len(lines)-1]["failed"].([]any); len(failed) != 1 || failed[0] != "bad" {
		t.Errorf("failed: %v", failed)
	}
	if len(l.Points()) != 1 {
		t.Error("the good machine has no point")
	}
}

// A dry run stores nothing; a log has the messages that -q holds back.
func TestDryRunAndLog(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	disk := l.Disk("web01.raw", 1)
	if r := l.OK("vbackup", "backup", "--dry-run", disk); !strings.Contains(r.Out, "would capture disk0") {
		t.Errorf("dry run: %s", r.Out)
	}
	if len(l.Points()) != 0 {
		t.Error("a dry run made a point")
	}
	r := l.OK("vbackup", "backup", "-q", "--level", "inc", "--log-file", l.Path("log"), disk)
	if r.Out != "" || r.Err != "" {
		t.Errorf("-q says %q %q", r.Out, r.Err)
	}
	if log := string(l.Bytes(l.Path("log"))); !strings.Contains(log, "this inc is a full") {
		t.Errorf("log: %q", log)
	}
}

// On a terminal a bar shows rate and time left, unless it is not wanted; elsewhere there is none.
func TestProgress(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	args := []string{"backup", "--limit-rate", "6M", l.Disk("web01.raw", 4)}
	if _, screen := l.OnTerminal(nil, "vbackup", args...); !strings.Contains(screen, "MiB/s") || !strings.Contains(screen, "left") {
		t.Errorf("the screen shows %q", screen)
	}
	if _, screen := l.OnTerminal(nil, "vbackup", append(args, "--no-progress")...); strings.Contains(screen, "MiB/s") {
		t.Errorf("the screen shows %q", screen)
	}
	if r := l.OK("vbackup", args...); r.Err != "" {
		t.Errorf("no terminal, and %q", r.Err)
	}
}

func TestManual(t *testing.T) {
	t.Parallel()
	l := clitest.New(t)
	l.OK("vbackup", "man", l.Path("man"))
	if page := string(l.Bytes(l.Path("man/vbackup-backup.1"))); !strings.Contains(page, "EXAMPLE") {
		t.Error("a page without example")
	}
	l.OK("vbfs", "man", l.Path("man"))
	if _, err := os.Stat(l.Path("man/vbfs-mount.1")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(l.Path("man/vbfs-recover.1")); err == nil {
		t.Error("a page of a command that is not in this release")
	}
	if r := l.OK("vbackup", "completion", "bash"); !strings.Contains(r.Out, "vbackup") {
		t.Error("no completion")
	}
}
