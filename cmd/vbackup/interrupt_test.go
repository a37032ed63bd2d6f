package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"vbfs/cmd/internal/clitest"
)

// begin starts a slow backup and returns once it is at work.
func begin(t *testing.T, l *clitest.Lab, args ...string) *clitest.Process {
	t.Helper()
	p := l.Start("vbackup", append([]string{"backup", "--limit-rate", "4M"}, args...)...)
	clitest.Until(t, "a session", func() bool { return len(sessions(t, l)) == 1 })
	return p
}

// opened returns once the process has the file open.
func opened(t *testing.T, p *clitest.Process, path string) {
	t.Helper()
	clitest.Until(t, "an open "+path, func() bool {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.Process.Pid))
		return err == nil && slices.ContainsFunc(files, func(f string) bool {
			to, err := os.Readlink(f)
			return err == nil && to == path
		})
	})
}

func sessions(t *testing.T, l *clitest.Lab) []string {
	t.Helper()
	names, err := filepath.Glob(l.Path("repo/sessions/*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// An interrupted backup leaves nothing behind, and the next one is as any other.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		l := clitest.NewPlain(t)
		disk := l.Disk("web01.raw", 24)
		r := begin(t, l, disk).End(s)
		if r.Code != 130 || !strings.Contains(r.Err, "interrupted") {
			t.Errorf("%v: exit code %d: %s", s, r.Code, r.Err)
		}
		if left := sessions(t, l); left != nil || len(l.Points()) != 0 {
			t.Errorf("%v: it leaves sessions %v, points %v", s, left, l.Points())
		}
		l.OK("vbackup", "backup", disk)
		l.OK("vbackup", "verify", "--read-data")
	}
}

// A killed backup does not stand in the way of the next.
func TestKill(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	disk := l.Disk("web01.raw", 24)
	begin(t, l, disk).End(syscall.SIGKILL)
	l.OK("vbackup", "backup", disk)
	l.OK("vbackup", "verify", "--read-data")
	if left := sessions(t, l); left != nil {
		t.Errorf("sessions: %v", left)
	}
}

// Two backups of a machine at once: the second is refused, or waits.
func TestLocked(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	disk := l.Disk("web01.raw", 12)
	first := begin(t, l, disk)
	if r := l.Run("vbackup", "backup", disk); r.Code != 11 || !strings.Contains(r.Err, "--wait-lock") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	other := l.Disk("web02.raw", 1)
	l.OK("vbackup", "backup", other)
	second := l.Start("vbackup", "backup", "--wait-lock", disk)
	if r := first.End(0); r.Code != 0 {
		t.Errorf("the first: exit code %d: %s", r.Code, r.Err)
	}
	if r := second.End(0); r.Code != 0 || !strings.Contains(r.Err, "waiting for process") {
		t.Errorf("the second: exit code %d: %s", r.Code, r.Err)
	}
	if n := len(l.Points()); n != 3 {
		t.Errorf("%d points", n)
	}
}

// A file that is written to meanwhile gives a point that says so; one that shrinks gives none.
func TestSourceThatChanges(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	disk := l.Disk("web01.raw", 12)
	p := begin(t, l, disk)
	opened(t, p, disk)
	l.Write(disk, 0, 1, 1)
	if r := p.End(0); r.Code != 0 || !strings.Contains(r.Err, "warning: web01") {
		t.Errorf("written to: exit code %d: %s", r.Code, r.Err)
	}
	if got := l.Points()[0]["consistency"]; got != "none" {
		t.Errorf("consistency %v", got)
	}
	disk = l.Disk("web02.raw", 12)
	p = begin(t, l, disk)
	opened(t, p, disk)
	if err := os.Truncate(disk, 1<<20); err != nil {
		t.Fatal(err)
	}
	if r := p.End(0); r.Code != 1 || !strings.Contains(r.Err, "shorter") {
		t.Errorf("shrunk: exit code %d: %s", r.Code, r.Err)
	}
	if n := len(l.Points()); n != 1 {
		t.Errorf("%d points", n)
	}
}
