//go:build cgo && !nolibnbd

package qmp

import (
	"strings"
	"testing"

	"vbfs/ingest"
)

// A rehearsal tells what the next run does, and leaves no trace.
func TestRehearse(t *testing.T) {
	t.Parallel()
	vda := &image{name: "vda", format: "qcow2", data: make([]byte, 8*mib)}
	y := newHistory(t, vda, &image{name: "vdb", format: "raw", data: make([]byte, mib)})
	y.args = append(y.args, "-drive", "if=ide,media=cdrom,id=cd")
	rehearse := func() (ingest.Plan, ingest.Plan, int) {
		t.Helper()
		w, err := ingest.Foresee(t.Context(), y.repo, ingest.Options{Machine: "web01", Source: y.m})
		y.must(err)
		plans, err := y.m.Rehearse(t.Context(), w)
		y.must(err)
		var a, b ingest.Plan
		for _, p := range plans {
			switch p.Disk {
			case "vda":
				a = p
			case "vdb":
				b = p
			}
		}
		return a, b, len(plans)
	}
	if a, b, n := rehearse(); n != 2 || a.Changes || a.Fallback != "" || a.Size != 8*mib || !strings.HasPrefix(a.Source, vda.path) || b.Size != mib {
		t.Errorf("%+v %+v", a, b)
	}
	y.clean()
	if got := y.bitmaps("n-vda"); got != nil {
		t.Errorf("%q", got)
	}
	y.point("auto")
	if a, b, _ := rehearse(); !a.Changes || !b.Changes || a.Fallback+b.Fallback != "" {
		t.Errorf("%+v %+v", a, b)
	}
	y.quit()
	y.start()
	a, b, n := rehearse()
	if n != 3 || !a.Changes || b.Changes || !strings.Contains(b.Fallback, "started anew") {
		t.Errorf("%+v %+v", a, b)
	}
	p := y.point("auto")
	y.why(p, "vda", a.Fallback)
	y.why(p, "vdb", b.Fallback)
	run := y.spawn("hold")
	kill(run)
	if _, err := y.m.Rehearse(t.Context(), ingest.Wish{Level: ingest.Inc}); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("%v", err)
	}
	y.point("auto")
	y.clean()
}
