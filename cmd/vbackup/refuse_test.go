package main

import (
	"os"
	"strings"
	"testing"

	"vbfs/cmd/internal/clitest"
)

// A refusal is one bad input: the exit code, and what the sentence names.
type refusal struct {
	name string
	args []string
	code int
	says string
}

// refuse holds that each input gets one clear sentence, in JSON too, and that the points stay as they were.
func refuse(t *testing.T, l *clitest.Lab, cases []refusal) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := *l
			l.T = t
			r := l.Run("vbackup", c.args...)
			sentence, hint, _ := strings.Cut(r.Err, "\n")
			if r.Code != c.code || !strings.HasPrefix(sentence, "vbackup: ") || !strings.Contains(sentence, c.says) {
				t.Errorf("exit code %d, not %d: %s", r.Code, c.code, r.Err)
			}
			if strings.Count(hint, "\n") > 1 || r.Out != "" {
				t.Errorf("it says too much: %q %q", r.Err, r.Out)
			}
			lines := l.Lines(l.Run("vbackup", append(c.args, "--json")...).Out)
			if len(lines) == 0 || lines[0]["type"] != "error" || lines[0]["code"] != float64(c.code) {
				t.Errorf("JSON: %v", lines)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	disk := l.Disk("web01.raw", 1)
	l.OK("vbackup", "backup", disk)
	l.OK("vbackup", "restore", "web01", l.Path("there.raw"))
	if err := os.MkdirAll(l.Path("full/x"), 0o700); err != nil {
		t.Fatal(err)
	}
	refuse(t, l, []refusal{
		{"no repository there", []string{"points", "-r", l.Path("nowhere")}, 10, "nowhere: no repository"},
		{"empty folder", []string{"points", "-r", l.Path("full/x")}, 10, "no repository"},
		{"repository in a file", []string{"points", "-r", disk}, 10, "no repository"},
		{"repository of S3", []string{"points", "-r", "s3:host/bucket"}, 2, "not in this release"},
		{"init over a repository", []string{"init", "--no-encryption"}, 1, "exists already"},
		{"init in a full folder", []string{"init", "--no-encryption", "-r", l.Path("full")}, 1, "not empty"},
		{"unknown compression", []string{"init", "-r", l.Path("n"), "--compression", "rar"}, 2, "rar"},
		{"unknown command", []string{"bogus"}, 2, "bogus"},
		{"unknown key command", []string{"key", "bogus"}, 2, "bogus"},
		{"unknown flag", []string{"points", "--bogus"}, 2, "--bogus"},
		{"no source", []string{"backup"}, 2, "arg"},
		{"source does not exist", []string{"backup", l.Path("no.raw")}, 1, "no.raw"},
		{"source is a folder", []string{"backup", l.Dir}, 1, l.Dir},
		{"NBD server does not exist", []string{"backup", "nbd+unix:///x?socket=" + l.Path("no.sock")}, 1, "no.sock"},
		{"URI without slashes", []string{"backup", "nbd:localhost:10809"}, 2, "no NBD URI"},
		{"export without a name", []string{"backup", "nbd://localhost"}, 2, "--machine"},
		{"two of one name", []string{"backup", disk, l.Path("x/web01.qcow2")}, 2, "web01"},
		{"two disks of one name", []string{"backup", "--machine", "m", "a=" + disk, "a=" + disk}, 2, "called \"a\""},
		{"machine with a slash", []string{"backup", "--machine", "a/b", disk}, 2, "a/b"},
		{"machine with a leading dot", []string{"backup", "--machine", ".a", disk}, 2, ".a"},
		{"unknown level", []string{"backup", "--level", "half", disk}, 2, "half"},
		{"tag without value", []string{"backup", "--tag", "x", disk}, 2, "K=V"},
		{"rate that is none", []string{"backup", "--limit-rate", "fast", disk}, 2, "fast"},
		{"bitmap of a file", []string{"backup", "--bitmap", "b", disk}, 2, "--bitmap"},
		{"excluded all", []string{"backup", "--exclude", "disk0", disk}, 2, "web01"},
		{"included nothing known", []string{"backup", "--include", "vdz", disk}, 2, "vdz"},
		{"unknown machine", []string{"points", "web02"}, 10, "web02"},
		{"unknown point", []string{"show", "web01@2020-01-01"}, 10, "web01@2020-01-01"},
		{"unknown disk", []string{"restore", "web01:vdz", l.Path("x.raw")}, 10, "vdz"},
		{"target exists", []string{"restore", "web01", l.Path("there.raw")}, 1, "there.raw"},
		{"target of a format that is not written", []string{"restore", "web01", l.Path("x.vhdx")}, 2, "vhdx"},
		{"object that is none", []string{"dump", "../x"}, 1, "../x"},
		{"target format", []string{"restore", "web01", l.Path("x.raw"), "--format", "vhd"}, 2, "vhd"},
		{"target of libvirt", []string{"restore", "web01", "libvirt:x"}, 2, "libvirt:"},
		{"part of data", []string{"verify", "--read-data=3/2"}, 2, "3/2"},
		{"keys without encryption", []string{"key", "list"}, 1, "not encrypted"},
		{"copy to nowhere", []string{"copy", "web01"}, 2, "--to"},
		{"copy of nothing", []string{"copy", "--to", l.Path("x")}, 2, "--all"},
		{"copy to itself", []string{"copy", "web01", "--to", l.Repo + "/."}, 2, "itself"},
		{"copy to no repository", []string{"copy", "web01", "--to", l.Path("full")}, 10, "full: no repository"},
		{"copy to S3", []string{"copy", "web01", "--to", "s3:x"}, 2, "not in this release"},
		{"copy of an unknown machine", []string{"copy", "web02", "--to", l.Path("full")}, 10, "web02"},
		{"copy of all of an unknown machine", []string{"copy", "--all", "web02", "--to", l.Path("full")}, 10, "web02"},
		{"copy of a disk", []string{"copy", "web01:disk0", "--to", l.Path("full")}, 2, "disk"},
		{"repair from itself", []string{"repair", "--from", l.Repo}, 2, "itself"},
		{"repair from no repository", []string{"repair", "--from", l.Path("full")}, 10, "full: no repository"},
		{"repair from a nameless source", []string{"repair", "--source", disk}, 2, "MACHINE:DISK="},
		{"repair from no source", []string{"repair", "--source", "web01:disk0=" + l.Path("no.raw")}, 1, "no.raw"},
		{"diff of one disk", []string{"diff", "web01:disk0", "web01"}, 2, "disk"},
	})
	t.Cleanup(func() {
		if n := len(l.Points()); n != 1 {
			t.Errorf("%d points", n)
		}
	})
}

// A repository that was damaged, or written by a later release, is told of as such, and no wrong byte comes out of it.
func TestDamagedRepository(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	l.OK("vbackup", "backup", l.Disk("web01.raw", 1))
	for _, c := range []struct {
		name, files string
		at          int
		args        []string
		code        int
		says        string
	}{
		{"data", "repo/packs/*/*", 300_000, []string{"verify", "--read-data"}, 4, "web01@"},
		{"data restored", "repo/packs/*/*", 300_000, []string{"restore", "web01", "x.raw"}, 4, "web01"},
		{"point", "repo/points/*/*", 100, []string{"verify"}, 4, "points/"},
		{"config", "repo/config", 20, []string{"points"}, 4, "config"},
		{"keyring", "repo/keyring/*", 100, []string{"points"}, 4, "keyring"},
		{"version", "repo/config", 8, []string{"points"}, 1, "newer release"},
	} {
		restore := l.Flip(c.files, c.at)
		r := l.Run("vbackup", c.args...)
		restore()
		if r.Code != c.code || !strings.Contains(r.Out+r.Err, c.says) {
			t.Errorf("%s: exit code %d: %s%s", c.name, r.Code, r.Out, r.Err)
		}
	}
	if _, err := os.Stat(l.Path("x.raw")); err == nil {
		t.Error("a restore that failed left its target")
	}
	l.OK("vbackup", "verify", "--read-data")
}

// A disk without room fails what needs it, and loses nothing.
func TestNoSpace(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	disk := l.Disk("web01.raw", 8)
	l.OK("vbackup", "backup", disk)
	l.Tool("mkdir", "small")
	l.Tool("mount", "-t", "tmpfs", "-o", "size=2m", "small", l.Path("small"))
	t.Cleanup(func() { l.Tool("umount", l.Path("small")) })
	if r := l.Run("vbackup", "restore", "web01", l.Path("small/x.raw")); r.Code != 1 || !strings.Contains(r.Err, "space") {
		t.Errorf("restore: exit code %d: %s", r.Code, r.Err)
	}
	l.OK("vbackup", "init", "--no-encryption", "-r", l.Path("small/repo"))
	if r := l.Run("vbackup", "backup", "-r", l.Path("small/repo"), disk); r.Code != 1 || !strings.Contains(r.Err, "no space") {
		t.Errorf("backup: exit code %d: %s", r.Code, r.Err)
	}
	l.OK("vbackup", "verify", "-r", l.Path("small/repo"))
	l.Tool("rm", "-rf", l.Path("small/repo"))
}
