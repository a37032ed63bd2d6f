package acceptance

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"vbfs/ingest"
	"vbfs/testdata/lab"
)

// A step is what happens to a machine, and the capture after it.
type step struct {
	what    string
	do      func(*life)
	how     func(*life, *step)
	level   string
	doubted string // disks that are read in full although changes were asked for: a list with spaces, or all
}

// A life is a machine on its way through the steps.
type life struct {
	*vm
	t        *testing.T
	h        *lab.Host
	disks    []string
	scratch  string
	sessions int // of the ring
}

// TestLibvirtLife captures a live guest at each step of a life full of accidents: every point is what the disks held when
// its backup began.
func TestLibvirtLife(t *testing.T) {
	t.Parallel()
	h := lab.Start(t)
	l := &life{t: t, h: h, disks: []string{"vda", "vdb"}, scratch: t.TempDir()}
	l.vm = newVM(t, h, lab.Spec{Guest: true, Agent: true, Disks: []lab.Disk{
		{Target: "vda", Size: 40 * mib, Ext4: true}, {Target: "vdb", Size: 8 * mib},
	}}, "--scratch", l.scratch)
	for i, s := range []step{
		{"is new", (*life).write, (*life).calm, "auto", ""},
		{"writes", (*life).write, (*life).calm, "auto", ""},
		{"deletes and trims", (*life).trim, (*life).paused, "inc", ""},
		{"writes while it is read", (*life).write, (*life).stilled, "inc", ""},
		{"zeroes", (*life).zero, (*life).calm, "diff", ""},
		{"never rests", (*life).write, (*life).restless, "inc", ""},
		{"has a disk added", (*life).grow, (*life).restless, "auto", "vdc"},
		{"is copied", (*life).trim, (*life).paused, "copy", ""},
		{"has a disk grown", (*life).resize, (*life).calm, "inc", "vdb"},
		{"goes on after that", (*life).zero, (*life).stilled, "inc", ""},
		{"is shut off", (*life).shutOff, (*life).calm, "inc", ""},
		{"is started", (*life).start, (*life).paused, "inc", ""},
		{"is read against the last full one", (*life).trim, (*life).calm, "diff", "vdb vdc"},
		{"was destroyed in mid-backup", (*life).destroy, (*life).calm, "inc", ""},
		{"is redefined", (*life).redefine, (*life).paused, "auto", "all"},
		{"goes on after that", (*life).write, (*life).restless, "inc", ""},
		{"loses a checkpoint", (*life).forget, (*life).calm, "inc", "all"},
		{"outlives libvirtd", (*life).outlive, (*life).stilled, "inc", ""},
		{"never rests", (*life).trim, (*life).restless, "full", ""},
		{"is read against the last full one", (*life).zero, (*life).stilled, "diff", ""},
		{"was killed", (*life).kill, (*life).calm, "inc", "all"},
		{"is started after that", (*life).start, (*life).calm, "inc", "all"},
	} {
		s.do(l)
		s.how(l, &s)
		l.fits(&s)
		if t.Failed() {
			t.Fatalf("step %d: a machine that %s", i, s.what)
		}
	}
	l.intact(t)
}

// fits checks what the newest point says of itself, and that nothing is left of its making.
func (l *life) fits(s *step) {
	m := l.past[len(l.past)-1]
	want := s.level
	if want == ingest.Auto {
		want = ingest.Inc
	}
	if len(l.past) == 1 {
		want = ingest.Full
	}
	if !m.Complete || m.Level != want || len(m.Disks) != len(l.disks) {
		l.t.Errorf("a machine that %s: level %s was asked for: %+v", s.what, s.level, m.Point)
	}
	for _, d := range m.Disks {
		doubted := s.doubted == "all" || slices.Contains(strings.Fields(s.doubted), d.Name)
		if (d.Fallback != "") != doubted {
			l.t.Errorf("a machine that %s: the reason to read all of %s is %q", s.what, d.Name, d.Fallback)
		}
	}
	left, err := os.ReadDir(l.scratch)
	check(l.t, err)
	if l.job() || len(left) > 0 {
		l.t.Errorf("a machine that %s: there are left a job, %v, and %v", s.what, l.job(), left)
	}
}

// calm writes nothing meanwhile, and has its file system frozen by its agent, if it runs.
func (l *life) calm(s *step) { l.quiet(l.t, l.disks, "--level", s.level) }

// paused has its processors stopped instead.
func (l *life) paused(s *step) { l.quiet(l.t, l.disks, "--level", s.level, "--pause") }

// stilled goes on writing as soon as the backup has begun, which takes a while.
func (l *life) stilled(s *step) {
	l.turn(l.disks[1:])
	l.held(l.t, l.disks, "--level", s.level, "--limit-rate", "12M")
	l.stop()
}

// restless never stops writing, and the file system on vda rests.
func (l *life) restless(s *step) {
	around := l.know(l.disks[1:])
	g := l.turn(l.disks[1:])
	m := l.quiet(l.t, l.disks[:1], "--level", s.level, "--limit-rate", "20M")
	l.stop()
	m.ring = g
	maps.Copy(m.disks, around)
}

func (l *life) turn(disks []string) *ring {
	l.sessions++
	return l.spin(l.sessions, disks...)
}
