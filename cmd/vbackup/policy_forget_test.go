package main

import (
	"slices"
	"strings"
	"testing"

	"vbfs/cmd/internal/clitest"
	"vbfs/index/format"
)

func recording(value string) func(*format.Manifest) {
	return func(m *format.Manifest) { m.Tags = append(m.Tags, "a=b", policyTag+value) }
}

func both(edits ...func(*format.Manifest)) func(*format.Manifest) {
	return func(m *format.Manifest) {
		for _, e := range edits {
			e(m)
		}
	}
}

// Each machine is judged by what its newest good point records, wherever the machine is by then; junk says nothing, and what is not
// understood keeps all.
func TestForgetByPolicy(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	take(t, l, "changed", shot{at: "2026-01-10T00:00:00Z", edit: recording("daily")}, shot{at: "2026-01-11T00:00:00Z", edit: recording("daily")},
		shot{at: "2026-01-12T00:00:00Z", edit: recording("1D 1M")}, shot{at: "2025-12-31T00:00:00Z", edit: recording("daily")})
	take(t, l, "junk", shot{at: "2026-01-10T00:00:00Z", edit: recording("2D")}, shot{at: "2026-01-11T00:00:00Z", edit: recording("2D")},
		shot{at: "2026-01-12T00:00:00Z", edit: recording("2D")}, shot{at: "2026-01-13T00:00:00Z", edit: both(recording("1D"), failed)},
		shot{at: "2026-01-14T00:00:00Z", edit: both(recording("1D"), flagged)}, shot{at: "2126-01-14T00:00:00Z", edit: recording("1D")})
	take(t, l, "misspelt", shot{at: "2026-01-10T00:00:00Z", edit: recording("1D")}, shot{at: "2026-01-11T00:00:00Z", edit: recording("1X")})
	take(t, l, "other", shot{at: "2026-01-10T00:00:00Z"}, shot{at: "2026-01-10T01:00:00Z"}, shot{at: "2026-01-11T00:00:00Z"})
	take(t, l, "by hand", shot{at: "2026-01-10T00:00:00Z", edit: recording("1D")}, shot{at: "2026-01-11T00:00:00Z", edit: recording("1D")}, shot{at: "2026-01-12T00:00:00Z"})
	before := len(names(l))
	dry := l.Run("vbackup", "forget", "--by-policy", "--dry-run", "--json")
	if dry.Code != 3 || len(names(l)) != before {
		t.Fatalf("exit code %d: %s", dry.Code, dry.Err)
	}
	for _, line := range l.Lines(dry.Out) {
		if line["machine"] == "changed" && line["policy"] != "1D 1M" || line["machine"] == "other" && line["policy"] != nil {
			t.Errorf("%v", line)
		}
	}
	floor := l.Run("vbackup", "forget", "--by-policy", "--keep-daily", "2", "--dry-run")
	for point, verdict := range map[string]string{
		"changed@2026-01-11T00-00-00Z": "keep", "changed@2026-01-10T00-00-00Z": "forget", "junk@2026-01-11T00-00-00Z": "keep",
		"other@2026-01-10T00-00-00Z": "forget", "other@2026-01-10T01-00-00Z": "keep", "misspelt@2026-01-10T00-00-00Z": "keep",
	} {
		if !slices.ContainsFunc(strings.Split(floor.Out, "\n"), func(line string) bool {
			return strings.HasPrefix(line, point+" ") && strings.Fields(line)[1] == verdict
		}) {
			t.Errorf("%s: not %s: %s", point, verdict, floor.Out)
		}
	}
	r := l.Run("vbackup", "forget", "--by-policy")
	if r.Code != 3 || !strings.Contains(r.Err, "misspelt@2026-01-11T00-00-00Z: all points are kept: tag policy=1X") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	want := []string{
		"by hand@2026-01-12T00-00-00Z", "changed@2025-12-31T00-00-00Z", "changed@2026-01-12T00-00-00Z",
		"junk@2026-01-11T00-00-00Z", "junk@2026-01-12T00-00-00Z", "junk@2026-01-13T00-00-00Z", "junk@2026-01-14T00-00-00Z", "junk@2126-01-14T00-00-00Z",
		"misspelt@2026-01-10T00-00-00Z", "misspelt@2026-01-11T00-00-00Z",
		"other@2026-01-10T00-00-00Z", "other@2026-01-10T01-00-00Z", "other@2026-01-11T00-00-00Z",
	}
	if got := names(l); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if r := l.Run("vbackup", "forget", "other", "--by-policy", "--keep-quarterly", "1"); r.Code != 0 || len(names(l)) != len(want)-2 {
		t.Errorf("exit code %d: %s%s", r.Code, r.Out, r.Err)
	}
}
