package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vbfs/index/format"
)

func made(machine, level string, warnings ...string) *format.Manifest {
	return &format.Manifest{MachineName: machine, Name: "2026-11-20T20-03-27Z", Done: level, Warnings: warnings,
		Disks: []format.Disk{{Name: "vda", State: format.DiskOK, Read: 3 << 20, New: 2 << 20, Stored: 1 << 20}}}
}

// sample is a run with all that can become of a machine.
func sample() *runReport {
	at := time.Date(2026, 11, 20, 21, 3, 27, 0, time.FixedZone("CET", 3600))
	r := &runReport{Type: "report", Tool: "vbackup x", Host: "h", Started: at, Ended: at.Add(90 * time.Second), Warnings: []string{"not written back"}}
	for _, o := range []outcome{
		{machine: machine{name: "web01", disks: []source{{path: "/srv/web01.raw"}}}, point: made("web01", "inc"), start: at, took: 4 * time.Second},
		{machine: machine{name: "<b>&\x1b[2J"}, point: made("<b>", "full", "odd <i>"), start: at, took: time.Second},
		{machine: machine{name: "half"}, point: made("half", "full"), err: errors.New("disk vdb:\ninput/output error"), start: at},
		{machine: machine{name: "none"}, err: errors.New("cannot be quiesced"), start: at},
		{machine: machine{name: "later"}, skipped: "not due: it has a point of 2026-11-20"},
		{machine: machine{name: "never"}},
	} {
		r.Machines = append(r.Machines, reported(&o))
	}
	r.count()
	return r
}

func TestReportText(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := sample().text(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	for i, want := range []string{
		"Backup on h, 2026-11-20T20:03:27Z to 2026-11-20T20:04:57Z, 1m30s", "", "MACHINE",
		"web01 ok inc 2026-11-20T20-03-27Z 2026-11-20T20:03:27Z 4s 3.00 MiB 2.00 MiB 1.00 MiB /srv/web01.raw",
		`<b>&\x1b[2J warning full 2026-11-20T20-03-27Z 2026-11-20T20:03:27Z 1s 3.00 MiB 2.00 MiB 1.00 MiB - odd <i>`,
		"half failed full", "none failed - - 2026-11-20T20:03:27Z 0s - - - - cannot be quiesced",
		"later skipped - - - - - - - - not due: it has a point of 2026-11-20", "never failed - - - - - - - - interrupted", "", "warning: not written back", "",
		"6 machines: 1 ok, 1 with warnings, 3 failed, 1 skipped; read 9.00 MiB, new 6.00 MiB, stored 3.00 MiB",
		"###### Final status: ERROR: Only some of the VMs backed up, and some disk(s) failed! ######",
	} {
		if got := strings.Join(strings.Fields(lines[i]), " "); !strings.HasPrefix(got, want) {
			t.Errorf("line %d: %s", i, got)
		}
	}
	if !strings.Contains(lines[5], "disk vdb:; input/output error") {
		t.Errorf("%s", lines[5])
	}
}

// The names of fields are a contract with scripts.
func TestReportJSON(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := sample().json(&b); err != nil {
		t.Fatal(err)
	}
	var r map[string]any
	if err := json.Unmarshal(b.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	machines := r["machines"].([]any)
	first, last := machines[0].(map[string]any), machines[5].(map[string]any)
	if r["type"] != "report" || r["status"] != "error" || r["seconds"] != 90.0 || first["result"] != "ok" || first["read_bytes"] != 3.0*(1<<20) ||
		first["point"] != "web01@2026-11-20T20-03-27Z" || first["start"] == nil || last["start"] != nil || len(first["warnings"].([]any)) != 0 ||
		r["totals"].(map[string]any)["partial"] != 1.0 || r["final_status"] != sample().Final {
		t.Errorf("%s", b.String())
	}
}

// A page has all it needs in itself, and what machines are called is no part of it.
func TestReportHTML(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := sample().html(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"&lt;b&gt;&amp;", "odd &lt;i&gt;", "not written back", "2026-11-20 20:03:27 UTC", `class="failed"`, "Only some of the VMs"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in %s", want, page)
		}
	}
	for _, never := range []string{"<b>", "<i>", "\x1b", "src=", "href=", "<script"} {
		if strings.Contains(page, never) {
			t.Errorf("%q in %s", never, page)
		}
	}
	if strings.Count(page, "<tr>") != 7 {
		t.Errorf("%s", page)
	}
}

// The last line is ghettoVCB's own, for those who look for it.
func TestFinalStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		t      reportTotals
		broken bool
		says   string
	}{
		{reportTotals{OK: 2, Warning: 1}, false, "All VMs backed up OK!"},
		{reportTotals{Skipped: 3}, false, "All VMs backed up OK!"},
		{reportTotals{OK: 1, Failed: 1, Partial: 1}, false, "WARNING: All VMs backed up, but some disk(s) failed!"},
		{reportTotals{OK: 1, Failed: 1}, false, "ERROR: Only some of the VMs backed up!"},
		{reportTotals{OK: 1, Failed: 2, Partial: 1}, false, "ERROR: Only some of the VMs backed up, and some disk(s) failed!"},
		{reportTotals{Failed: 2}, false, "ERROR: All VMs failed!"},
		{reportTotals{}, false, "ERROR: No VMs backed up!"},
		{reportTotals{}, true, "ERROR: No VMs backed up!"},
	} {
		if got := c.t.final(c.broken); got != "###### Final status: "+c.says+" ######" {
			t.Errorf("%+v: %s", c.t, got)
		}
	}
}

// A report that cannot be written leaves the old one as it was, and the others are written.
func TestReportsAreReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	gone, good := filepath.Join(dir, "no", "a.txt"), filepath.Join(dir, "b.json")
	if err := os.WriteFile(good, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := good + ".old"
	if err := os.Link(good, old); err != nil {
		t.Fatal(err)
	}
	if err := (reports{gone, good, "-"}).write(sample(), &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), gone) {
		t.Errorf("%v", err)
	}
	if b, err := os.ReadFile(good); err != nil || !json.Valid(b) {
		t.Errorf("%s, %v", b, err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 2 {
		t.Errorf("%v", files)
	}
	if b, _ := os.ReadFile(old); string(b) != "old" {
		t.Error("what somebody reads was written over")
	}
	for _, wrong := range []reports{{gone}, {good, good}, {filepath.Join(dir, "x.pdf")}, {filepath.Join(dir, "x")}, {"/dev/null"}, {dir}} {
		if err := wrong.check(false); err == nil {
			t.Errorf("%q", wrong)
		}
	}
	if err := (reports{"-"}).check(true); err == nil {
		t.Error("text among JSON lines")
	}
	if err := (reports{"-", good, "c.html"}).check(false); err != nil {
		t.Error(err)
	}
}

func TestShorten(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{"short": "short", "1234567890": "1234567890", "12345678901": "1234567…", "123456äöü": "123456…"} {
		if got := shorten(s, 10); got != want || len(got) > 10 {
			t.Errorf("%q: %q", s, got)
		}
	}
}
