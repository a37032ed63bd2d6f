package main

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"vbfs/cmd/internal/clitest"
)

// without makes a machine of two disks, whose second point leaves one out, and gives that point.
func without(t *testing.T, l *clitest.Lab, flag ...string) map[string]any {
	t.Helper()
	a, b := l.Disk("a.raw", 1), l.Disk("b.raw", 2)
	l.OK("vbackup", "backup", "--machine", "db01", "vda="+a, "vdb="+b)
	if err := os.Rename(b, l.Path("gone.raw")); err != nil { // what is left out need not be there
		t.Fatal(err)
	}
	r := l.OK("vbackup", append([]string{"backup", "--machine", "db01", "vda=" + a, "vdb=" + b}, flag...)...)
	if !strings.Contains(r.Err, "db01: disk vdb is left out: ") {
		t.Errorf("the backup says: %s", r.Err)
	}
	l.Tool("mv", "gone.raw", "b.raw")
	return l.Points()[1]
}

// A disk that is left out is on record, with the reason, in a point that is complete without it.
func TestSkippedDisk(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ flag, value, reason string }{
		{"--exclude", "vdb", "excluded by --exclude vdb"}, {"--include", "vda", "not among --include vda"},
	} {
		t.Run(c.flag, func(t *testing.T) {
			t.Parallel()
			l := clitest.NewPlain(t)
			p := without(t, l, c.flag, c.value)
			d := p["disks"].([]any)[1].(map[string]any)
			if p["complete"] != true || d["name"] != "vdb" || d["state"] != "skipped" || d["reason"] != c.reason || d["size_bytes"] != 0.0 {
				t.Errorf("point %v", p)
			}
			if out := l.OK("vbackup", "show", "db01").Out; !strings.Contains(out, "skipped: "+c.reason) {
				t.Errorf("show: %s", out)
			}
			if out := l.OK("vbackup", "points").Out; !strings.Contains(out, "1 of 2") {
				t.Errorf("points: %s", out)
			}
			r := l.Run("vbackup", "restore", "db01:vdb", l.Path("x.raw"))
			if r.Code != 10 || !strings.Contains(r.Err, "disk vdb of db01@") || !strings.Contains(r.Err, c.reason) {
				t.Errorf("restore: exit code %d: %s", r.Code, r.Err)
			}
			l.OK("vbackup", "restore", "db01", l.Path("a2.raw")) // the only one that was to be captured
			l.Same(l.Path("a2.raw"), l.Bytes(l.Path("a.raw")))
		})
	}
}

// Everything else takes the point for what it is.
func TestSkippedDiskElsewhere(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	p := without(t, l, "--exclude", "vdb")
	old := "db01@" + l.Points()[0]["name"].(string)
	if r := l.OK("vbackup", "diff", old, "db01"); !strings.Contains(r.Err, "disk vdb of db01@") || !strings.HasPrefix(r.Out, "0 B of 0") {
		t.Errorf("diff: %s%s", r.Out, r.Err)
	}
	l.OK("vbackup", "verify", "--read-data")
	if l.Points()[1]["verified_at"] == nil {
		t.Error("the point is not known to be whole")
	}
	if r := l.Run("vbackup", "verify", "db01", "--source", "vdb="+l.Path("b.raw")); r.Code != 10 {
		t.Errorf("comparison with the source: exit code %d: %s", r.Code, r.Err)
	}
	mounted(t, l)
	exported(t, l)

	l.OK("vbackup", "init", "--no-encryption", "-r", l.Path("other"))
	l.OK("vbackup", "copy", "db01", "--to", l.Path("other"))
	copied := l.Lines(l.OK("vbackup", "points", "--json", "-r", l.Path("other")).Out)[0]["disks"].([]any)[1].(map[string]any)
	if copied["state"] != "skipped" || copied["reason"] != "excluded by --exclude vdb" {
		t.Errorf("the copy has %v", copied)
	}
	l.OK("vbackup", "forget", "--keep-last", "1", "--prune", "--max-unused", "0")
	if points := l.Points(); len(points) != 1 || points[0]["id"] != p["id"] {
		t.Errorf("kept: %v", points)
	}
	l.OK("vbackup", "restore", "db01:vda", l.Path("a2.raw"))
	l.Same(l.Path("a2.raw"), l.Bytes(l.Path("a.raw")))

	l.OK("vbackup", "backup", "--machine", "db01", "vda="+l.Path("a.raw"), "vdb="+l.Path("b.raw"))
	l.OK("vbackup", "restore", "db01:vdb", l.Path("b2.raw"))
	l.Same(l.Path("b2.raw"), l.Bytes(l.Path("b.raw")))
	l.OK("vbackup", "verify", "--read-data")
}

func mounted(t *testing.T, l *clitest.Lab) {
	t.Helper()
	dir := l.Path("mnt")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	fs := l.Start("vbfs", "mount", dir)
	clitest.Until(t, "a mount", func() bool { return l.Try("mountpoint", "-q", dir) == nil })
	if got := l.Tool("ls", dir+"/machines/db01/latest/disks"); strings.Contains(got, "vdb") || !strings.Contains(got, "vda.raw") {
		t.Errorf("mounted: %s", got)
	}
	l.Tool("cmp", dir+"/machines/db01/latest/disks/vda.raw", "a.raw")
	l.Tool("ls", dir+"/machines/db01/latest/partitions")
	if got := l.Tool("cat", dir+"/machines/db01/latest/point.json"); !strings.Contains(got, "excluded by --exclude vdb") {
		t.Errorf("point.json: %s", got)
	}
	if r := fs.End(syscall.SIGTERM); r.Code != 0 {
		t.Errorf("mount: exit code %d: %s", r.Code, r.Err)
	}
}

func exported(t *testing.T, l *clitest.Lab) {
	t.Helper()
	server := l.Start("vbfs", "serve", "--socket", l.Path("s"))
	clitest.Until(t, "a server", func() bool { return l.Try("nbdinfo", "--list", "nbd+unix:///?socket="+l.Path("s")) == nil })
	if got := l.Tool("nbdinfo", "--list", "nbd+unix:///?socket="+l.Path("s")); strings.Contains(got, "latest:vdb") || !strings.Contains(got, "latest:vda") {
		t.Errorf("exports: %s", got)
	}
	for name, ok := range map[string]bool{"db01@latest": true, "db01@latest:vdb": false} {
		if err := l.Try("nbdinfo", "nbd+unix:///"+name+"?socket="+l.Path("s")); (err == nil) != ok {
			t.Errorf("export %s: %v", name, err)
		}
	}
	if r := server.End(syscall.SIGTERM); r.Code != 0 {
		t.Errorf("serve: exit code %d: %s", r.Code, r.Err)
	}
}

// A dry run says what would be left out.
func TestRehearseSkipped(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	a := l.Disk("a.raw", 1)
	args := []string{"backup", "--dry-run", "--machine", "db01", "vda=" + a, "vdb=" + l.Path("no.raw"), "--exclude", "vdb"}
	if out := l.OK("vbackup", args...).Out; !strings.Contains(out, "would leave vdb out: excluded by --exclude vdb") {
		t.Errorf("said: %s", out)
	}
	lines := l.Lines(l.OK("vbackup", append(args, "--json")...).Out)
	if lines[0]["skipped"] != nil || lines[1]["skipped"] != "excluded by --exclude vdb" {
		t.Errorf("%v", lines)
	}
}
