package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vbfs/cmd/internal/clitest"
)

// verified gives the summary of a verification that has to end so.
func verified(t *testing.T, l *clitest.Lab, code int, args ...string) map[string]any {
	t.Helper()
	r := l.Run("vbackup", append([]string{"verify", "--json"}, args...)...)
	if r.Code != code {
		t.Fatalf("verify %q: exit code %d\n%s%s", args, r.Code, r.Out, r.Err)
	}
	for _, line := range l.Lines(r.Out) {
		if line["type"] == "summary" {
			return line
		}
	}
	t.Fatalf("no summary: %s", r.Out)
	return nil
}

// A point is known to be whole when all of it was read, until damage is found.
func TestVerificationIsRemembered(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	l.OK("vbackup", "backup", l.Disk("web01.raw", 1), l.Disk("db01.raw", 2))
	since := func(i int) (at time.Time) {
		t.Helper()
		if s, ok := l.Points()[i]["verified_at"].(string); ok {
			var err error
			if at, err = time.Parse(time.RFC3339Nano, s); err != nil {
				t.Fatal(err)
			}
		}
		return at
	}
	if s := verified(t, l, 0); s["packs"] != 0.0 || s["read_bytes"] != 0.0 || s["verified_share"] != 0.0 || s["oldest_verified_at"] != nil || !since(0).IsZero() {
		t.Errorf("nothing read: %v", s)
	}
	before := time.Now()
	s := verified(t, l, 0, "--read-data")
	if s["read_bytes"] != s["repository_bytes"] || s["packs"] == 0.0 || s["verified_share"] != 1.0 || s["never_verified_bytes"] != 0.0 || s["oldest_verified_at"] == nil {
		t.Errorf("all read: %v", s)
	}
	for i := range 2 {
		if at := since(i); at.Before(before) || at.After(time.Now()) {
			t.Errorf("read after %v, and known to be whole as of %v", before, at)
		}
	}
	if out := l.OK("vbackup", "show", "web01").Out; !strings.Contains(out, "known to be whole") || !strings.Contains(out, "as of 20") {
		t.Errorf("show: %s", out)
	}
	if out := l.OK("vbackup", "dump", "verified/00000001").Out; !strings.Contains(out, `"Packs"`) {
		t.Errorf("dump: %s", out)
	}
	back := l.Flip("repo/packs/*/*", 300_000) // of all packs
	s = verified(t, l, 4, "--read-data=1%")
	if s["problems"] == 0.0 || s["packs"] != 1.0 || s["verified_share"] == 1.0 {
		t.Errorf("damaged: %v", s)
	}
	if since(0).IsZero() == since(1).IsZero() {
		t.Errorf("one of two points is hurt, and known to be whole are %v and %v", since(0), since(1))
	}
	back()
	verified(t, l, 0, "--read-data=1%")
	if since(0).IsZero() || since(1).IsZero() {
		t.Error("what was damaged was not read again first")
	}
}

// Thirty parts come by everything, and so do ten tenths, while points come and go.
func TestNights(t *testing.T) {
	t.Parallel()
	for name, part := range map[string]struct {
		nights int
		arg    func(night int) string
	}{
		"parts":  {30, func(n int) string { return fmt.Sprintf("%d/30", n+1) }},
		"tenths": {10, func(int) string { return "10%" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := clitest.NewPlain(t)
			disk := l.Disk("web01.raw", 8)
			for i := range 5 {
				l.Write(disk, int64(i)<<20, 1<<20, byte(i))
				l.OK("vbackup", "backup", "-q", disk)
			}
			first := l.Points()[4]["id"].(string)
			for night := range part.nights {
				if night%6 == 1 && name == "parts" {
					l.Write(disk, int64(night)<<16, 1<<16, byte(night))
					l.OK("vbackup", "backup", "-q", disk)
					gone, err := filepath.Glob(l.Path("repo/points/*/" + l.Points()[0]["id"].(string)))
					if err != nil || len(gone) != 1 || os.Remove(gone[0]) != nil {
						t.Fatal(gone, err)
					}
				}
				verified(t, l, 0, "--read-data="+part.arg(night))
			}
			for _, p := range l.Points() {
				if p["id"] == first && p["verified_at"] == nil {
					t.Error("the point is not known to be whole")
				}
			}
			if s := verified(t, l, 0); name == "tenths" && s["verified_share"] != 1.0 {
				t.Errorf("%v", s)
			}
		})
	}
}

// What is no object of a repository is named, and no damage.
func TestForeignFiles(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	l.OK("vbackup", "backup", l.Disk("web01.raw", 1))
	for _, name := range []string{"repo/reserve", "repo/notes.txt"} {
		if err := os.WriteFile(l.Path(name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if s := verified(t, l, 0); s["foreign"] != 1.0 || s["problems"] != 0.0 {
		t.Errorf("%v", s)
	}
	if out := l.OK("vbackup", "verify").Out; !strings.Contains(out, "foreign: notes.txt") || strings.Contains(out, "reserve") {
		t.Errorf("%s", out)
	}
}

// A verification that cannot be recorded is told of; one that reads no data does not mind.
func TestVerificationIsNotRecorded(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	l.OK("vbackup", "backup", l.Disk("web01.raw", 1))
	if err := os.WriteFile(l.Path("repo/verified"), nil, 0o600); err != nil { // in the place of the folder
		t.Fatal(err)
	}
	r := l.Run("vbackup", "verify", "--read-data")
	if r.Code != 1 || !strings.Contains(r.Err, "was not recorded") || !strings.Contains(r.Out, ": 0 problems") {
		t.Errorf("exit code %d: %s%s", r.Code, r.Out, r.Err)
	}
	l.OK("vbackup", "verify")
}

// A point is compared with what it was captured from, whatever the format.
func TestVerifySource(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	a, b := l.Disk("a.raw", 3), l.Disk("b.raw", 2)
	l.OK("vbackup", "backup", "--machine", "db01", "vda="+a, "vdb="+b)
	l.Tool("qemu-img", "convert", "-f", "raw", "-O", "qcow2", a, "a.qcow2")
	both := []string{"verify", "db01", "--source", "vda=a.qcow2", "--source", "vdb=" + b}
	if r := l.OK("vbackup", both...); !strings.Contains(r.Err, "is what the source holds") {
		t.Errorf("%s%s", r.Out, r.Err)
	}
	end := server(t, l, "nbdkit", "-f", "-U", l.Path("nbd.sock"), "file", b)
	l.OK("vbackup", "verify", "db01:vdb", "--source", "nbd+unix:///?socket="+l.Path("nbd.sock"))
	end()
	l.Write(b, 8192, 1, l.Bytes(b)[8192]^1)
	l.Tool("fallocate", "-p", "-o", "65536", "-l", "65536", b)
	l.Write(b, 600_000, 10_000, 7) // in the hole
	l.Write(b, 2<<20, 512, 9)      // the part of a grain at the end
	r := l.Run("vbackup", append(both, "--json")...)
	lines := l.Lines(r.Out)
	var got []string
	for _, line := range lines[:len(lines)-1] {
		got = append(got, fmt.Sprint(line["type"], line["disk"], line["offset_bytes"], line["length_bytes"]))
	}
	want := []string{"differencevdb8192 4096", "differencevdb65536 65536", "differencevdb598016 12288", "differencevdb2.097152e+06 512"}
	if last := lines[len(lines)-1]; r.Code != 1 || fmt.Sprint(got) != fmt.Sprint(want) || last["type"] != "summary" || last["different_bytes"] != 82432.0 {
		t.Errorf("exit code %d: %v, %v", r.Code, got, last)
	}
	if r := l.Run("vbackup", both...); r.Code != 1 || !strings.Contains(r.Err, "differs from the source") {
		t.Errorf("exit code %d: %s%s", r.Code, r.Out, r.Err)
	}
	l.Disk("c.raw", 4)
	if r := l.Run("vbackup", "verify", "db01:vda", "--source", "c.raw"); r.Code != 1 || !strings.Contains(r.Err, "4194816 bytes") {
		t.Errorf("exit code %d: %s%s", r.Code, r.Out, r.Err)
	}
	for _, c := range []struct {
		args []string
		code int
	}{
		{[]string{"db01", "--source", a}, 2}, {[]string{"--source", a}, 2}, {[]string{"db01:vda", "--source", a, "--read-data"}, 2},
		{[]string{"db01", "--source", "vda=" + a, "--source", "vda=" + a}, 2}, {[]string{"db01", "--source", "vdc=" + a}, 10},
		{[]string{"db01", "--source", "vda=none.raw"}, 1}, {[]string{"db01", "--source", ""}, 2},
	} {
		if r := l.Run("vbackup", append([]string{"verify"}, c.args...)...); r.Code != c.code {
			t.Errorf("%q: exit code %d, not %d: %s", c.args, r.Code, c.code, r.Err)
		}
	}
}
