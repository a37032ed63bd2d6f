package virtnbd

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"vbfs/index/format"
	"vbfs/ingest"
	"vbfs/ingest/virtnbd/handmade"
)

// small is a stream of one frame, for sets of which only the shape matters.
func small(disk, level, checkpoint, parent string) handmade.Stream {
	s := handmade.Stream{Disk: disk, Level: level, Checkpoint: checkpoint, Parent: parent, Size: 1000}
	s.Frames = []handmade.Frame{{Data: []byte(strings.Repeat("x", 1000))}}
	if parent != "" {
		s.Frames[0].Data = s.Frames[0].Data[:10]
	}
	return s
}

// shape tells what became of a set, a point a word: level, disks, what it counts from, and what fails.
func shape(t *testing.T, dir string) string {
	t.Helper()
	s := openSet(t, dir)
	var words []string
	for _, p := range s.Points {
		word := p.Level + ":" + strings.Join(p.disks(), ",")
		for i, from := range s.Points {
			if from == p.parent {
				word += fmt.Sprint("<", i)
			}
		}
		for _, d := range p.disks() {
			if p.sound(t.Context(), d) != nil {
				word += "!" + d
			}
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// at sets a stream's date, in minutes, and the time in its name.
func at(s handmade.Stream, minutes int) handmade.Stream {
	s.Date = time.Date(2026, 11, 20, 10, minutes, 0, 0, time.UTC)
	s.Unix = s.Date.Unix()
	return s
}

// TestShapes puts streams together that belong together, and links what counts from another.
func TestShapes(t *testing.T) {
	t.Parallel()
	c := func(n int) string { return fmt.Sprint("virtnbdbackup.", n) }
	for name, set := range map[string]struct {
		streams []handmade.Stream
		files   map[string]string
		want    string
	}{
		"chain": {[]handmade.Stream{
			at(small("vda", "inc", c(10), c(9)), 3), at(small("vda", "inc", c(9), c(0)), 2), at(small("vda", "full", c(0), ""), 1),
		}, nil, "full:vda inc:vda<0 inc:vda<1"},
		"a differential one has the name of the later increment": {[]handmade.Stream{
			at(small("vda", "full", c(0), ""), 1), at(small("vda", "diff", c(1), c(0)), 2), at(small("vda", "inc", c(1), c(0)), 3),
			at(small("vda", "inc", c(2), c(1)), 4), at(small("vda", "diff", c(3), c(2)), 5),
		}, nil, "full:vda diff:vda<0 inc:vda<0 inc:vda<2 diff:vda<3"},
		"a full one that is called increment": {[]handmade.Stream{
			at(small("vda", "full", c(0), ""), 1), at(small("vda", "inc", c(1), ""), 2), at(small("vda", "inc", c(2), c(1)), 3),
		}, nil, "full:vda full:vda inc:vda<1"},
		"shut off after the full one": {[]handmade.Stream{
			at(small("vda", "full", c(0), ""), 1), at(small("vda", "inc", c(0), c(0)), 2), at(small("vda", "inc", c(1), c(0)), 3),
		}, nil, "full:vda inc:vda<0 inc:vda<0"},
		"shut off, in the place of an increment": {[]handmade.Stream{
			at(small("vda", "full", c(0), ""), 1), at(small("vda", "inc", c(1), c(1)), 3), at(small("vda", "inc", c(2), c(1)), 4),
		}, nil, "full:vda inc:vda!vda inc:vda!vda"},
		"two disks, one added later with the chain anew": {[]handmade.Stream{
			at(small("vda", "full", c(0), ""), 1), at(small("vda", "inc", c(1), ""), 2), at(small("vdb", "inc", c(1), ""), 2),
			at(small("vda", "inc", c(2), c(1)), 3), at(small("vdb", "inc", c(2), c(1)), 3),
		}, nil, "full:vda full:vda,vdb inc:vda,vdb<1"},
		"a disk without a full one": {[]handmade.Stream{
			at(small("vda", "full", c(0), ""), 1), at(small("vda", "inc", c(1), c(0)), 2), at(small("vdb", "inc", c(1), c(0)), 2),
		}, nil, "full:vda inc:vda,vdb<0!vdb"},
		"differential runs of several disks": {[]handmade.Stream{
			at(small("vda", "full", c(0), ""), 1), at(small("vdb", "full", c(0), ""), 1),
			at(small("vda", "diff", c(1), c(0)), 2), at(small("vdb", "diff", c(1), c(0)), 3),
			at(small("vda", "diff", c(1), c(0)), 4), at(small("vdb", "diff", c(1), c(0)), 5),
		}, nil, "full:vda,vdb diff:vda,vdb<0 diff:vda,vdb<0"},
		"differential runs of one disk each, by the XML between them": {[]handmade.Stream{
			at(small("vda", "full", c(0), ""), 1), at(small("vdb", "full", c(0), ""), 1),
			at(small("vda", "diff", c(1), c(0)), 2), at(small("vdb", "diff", c(1), c(0)), 4),
		}, map[string]string{fmt.Sprintf("vmconfig.%d.xml", at(handmade.Stream{}, 3).Unix): ""}, "full:vda,vdb diff:vda<0 diff:vdb<0"},
		"differential runs of one disk each, by their logs": {[]handmade.Stream{
			at(small("vda", "full", c(0), ""), 1), at(small("vdb", "full", c(0), ""), 1),
			at(small("vda", "diff", c(1), c(0)), 2), at(small("vdb", "diff", c(1), c(0)), 4),
		}, map[string]string{"backup.diff.11202026100200.log": "", "backup.diff.11202026100300.log": ""}, "full:vda,vdb diff:vda<0 diff:vdb<0"},
		"a copy alone":      {[]handmade.Stream{at(small("vda", "copy", c(0), ""), 1), at(small("vdb", "copy", c(0), ""), 1)}, nil, "copy:vda,vdb"},
		"nothing on a copy": {[]handmade.Stream{at(small("vda", "copy", c(0), ""), 1), at(small("vda", "inc", c(1), c(0)), 2)}, nil, "copy:vda inc:vda!vda"},
		"in a ring":         {[]handmade.Stream{at(small("vda", "inc", c(1), c(2)), 1), at(small("vda", "inc", c(2), c(1)), 2)}, nil, "inc:vda<1!vda inc:vda<0!vda"},
		"a head that is gone": {[]handmade.Stream{at(small("vda", "inc", c(1), c(0)), 2), at(small("vdb", "inc", c(1), c(0)), 2), at(small("vdb", "full", c(0), ""), 1)},
			map[string]string{"vda.full.data": "meta"}, "full:vda,vdb!vda inc:vda,vdb<0!vda"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, s := range set.streams {
				s.Write(t, dir)
			}
			for name, text := range set.files {
				handmade.File(t, dir, name, []byte(text))
			}
			got := shape(t, dir)
			if name == "in a ring" && strings.Count(got, "!vda") == 2 {
				return // there is no order in it
			}
			if got != set.want {
				t.Errorf("%s\nnot\n%s", got, set.want)
			}
		})
	}
}

// TestTimes finds out when points were made, of a host whose clock was two hours ahead in summer and one in winter.
func TestTimes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	summer, winter := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC), time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	put := func(level string, n int, at time.Time, ahead time.Duration) {
		s := small("vda", level, fmt.Sprint("virtnbdbackup.", n), "")
		if n > 0 {
			s = small("vda", level, s.Checkpoint, fmt.Sprint("virtnbdbackup.", n-1))
		}
		if level == "shut off" {
			s.Level, s.Checkpoint = "inc", s.Parent
		}
		s.Date, s.Unix = at.Add(ahead+7*time.Second), at.Unix()
		s.Write(t, dir)
		if level == "full" || level == "inc" {
			handmade.Checkpoint(t, dir, s.Checkpoint, at.Unix(), "vda")
		}
	}
	put("full", 0, summer, 2*time.Hour)
	put("shut off", 1, summer.Add(time.Hour), 2*time.Hour) // in the zone of the full one
	put("inc", 1, winter, time.Hour)
	put("diff", 2, winter.Add(2*time.Hour), time.Hour)
	s := openSet(t, dir)
	want := []time.Time{summer, summer.Add(time.Hour + 7*time.Second), winter, winter.Add(2 * time.Hour)}
	for i, p := range s.Points {
		if !p.Time.Equal(want[i]) || p.warnings != nil {
			t.Errorf("point %d is of %v, not %v: %q", i, p.Time, want[i], p.warnings)
		}
	}
}

// TestTimesWest finds out the zone of a host whose clock is behind.
func TestTimesWest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	s := small("vda", "full", "virtnbdbackup.0", "")
	s.Date = now.Add(-5*time.Hour + time.Second)
	s.Write(t, dir)
	handmade.Checkpoint(t, dir, "virtnbdbackup.0", now.Unix(), "vda")
	s = small("vda", "inc", "virtnbdbackup.0", "virtnbdbackup.0")
	s.Date = now.Add(-4 * time.Hour)
	s.Write(t, dir)
	if p := openSet(t, dir).Points[1]; !p.Time.Equal(now.Add(time.Hour)) {
		t.Errorf("%v", p.Time)
	}
}

// TestTimesUnknown takes the zone that is given, and says so.
func TestTimesUnknown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := small("vda", "copy", "virtnbdbackup.0", "")
	s.Date = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	s.Write(t, dir)
	set, err := Open(dir, Options{Zone: time.FixedZone("there", 3*3600)})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if p := set.Points[0]; p.Time.Hour() != 9 || len(p.warnings) != 1 || !strings.Contains(p.warnings[0], "there") {
		t.Errorf("%v, %q", p.Time, p.warnings)
	}
	handmade.Checkpoint(t, dir, "virtnbdbackup.0", s.Date.Unix()+1_000_000, "vda")
	s.Level = ""
	other := t.TempDir()
	s.Write(t, other)
	handmade.Checkpoint(t, other, "virtnbdbackup.0", s.Date.Unix()+1_000_000, "vda") // cannot be its own
	if p := openSet(t, other).Points[0]; !p.Time.Equal(s.Date) || len(p.warnings) != 1 {
		t.Errorf("%v, %q", p.Time, p.warnings)
	}
}

// TestZeros warns of points whose zeros may be stale, up to the next full one.
func TestZeros(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := func(n int) string { return fmt.Sprint("virtnbdbackup.", n) }
	at(small("vda", "full", c(0), ""), 0).Write(t, dir)
	for i, zeros := range []bool{true, false, true, true} {
		s := at(small("vda", "inc", c(i+1), c(i)), i+1)
		if i == 2 {
			s = at(small("vda", "inc", c(i+1), ""), i+1)
		}
		if zeros && i != 2 {
			s.Frames = append(s.Frames, handmade.Frame{Off: 500, Zero: 100})
		}
		s.Write(t, dir)
	}
	set := openSet(t, dir)
	for i, doubtful := range []bool{false, false, true, false, false} {
		shot, err := set.Points[i].Take(t.Context(), ingest.Wish{})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(strings.Join(shot.Warnings, ""), "zeros not recorded"); got != doubtful {
			t.Errorf("point %d: warnings %q", i, shot.Warnings)
		}
	}
	every := t.TempDir()
	at(small("vda", "full", c(0), ""), 0).Write(t, every)
	s := at(small("vda", "inc", c(1), c(0)), 1)
	s.Frames = append(s.Frames, handmade.Frame{Off: 10, Zero: 990})
	s.Write(t, every)
	if err := openSet(t, every).Points[1].sound(t.Context(), "vda"); err == nil || !strings.Contains(err.Error(), ErrUnsure.Error()) {
		t.Errorf("zero frames wherever there is no data: %v", err)
	}
}

// TestRawImages takes raw disks of a full run as they are, by what the domain's XML says of them and by nothing else.
func TestRawImages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	small("vda", "full", "virtnbdbackup.0", "").Write(t, dir)
	tricky := small("vdb", "copy", "x", "").Bytes() // a guest can write anything into its disk
	handmade.File(t, dir, "vdb.copy.data", tricky)
	handmade.Domain(t, dir, "virtnbdbackup.0", "m", "vda", "vdb=raw")
	set := openSet(t, dir)
	if len(set.Points) != 1 || string(readPoint(t, set.Points[0], "vdb")) != string(tricky) {
		t.Errorf("%d points", len(set.Points))
	}
	plain := t.TempDir()
	handmade.File(t, plain, "vda.full.data", make([]byte, 4096))
	handmade.Domain(t, plain, "virtnbdbackup.0", "m", "vda")
	if err := openSet(t, plain).Points[0].sound(t.Context(), "vda"); err == nil {
		t.Error("what has no head is taken for a raw image, of a disk that is not")
	}
}

// TestLost fails a disk that a checkpoint was made for, and skips what was left out on purpose.
func TestLost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	small("vda", "full", "virtnbdbackup.0", "").Write(t, dir)
	handmade.Domain(t, dir, "virtnbdbackup.0", "m", "vda", "vdb", "vdc")
	handmade.Checkpoint(t, dir, "virtnbdbackup.0", 1_700_000_000, "vda", "vdb")
	handmade.File(t, dir, "\a.full.data", nil)
	handmade.File(t, dir, "VARS.fd.virtnbdbackup.0", []byte("v"))
	handmade.File(t, dir, "autostart.virtnbdbackup.0", []byte("True"))
	handmade.File(t, dir, "vda.virtnbdbackup.0.qcow.json", []byte(`{"format":"qcow2"}`))
	shot, err := openSet(t, dir).Points[0].Take(t.Context(), ingest.Wish{})
	if err != nil {
		t.Fatal(err)
	}
	if len(shot.Disks) != 3 || shot.Disks[0].Bus != "virtio" || shot.Disks[0].Physical != 4096 || shot.Disks[2].Skip == "" {
		t.Fatalf("%+v", shot.Disks)
	}
	if _, err := shot.Disks[1].Open(t.Context(), false); err == nil || !strings.Contains(err.Error(), "vdb.full.data is not there") {
		t.Errorf("a lost disk: %v", err)
	}
	kept := map[string]string{}
	for _, c := range shot.Configs {
		kept[c.Kind] = c.Name
	}
	for kind, name := range map[string]string{"libvirt-domain": "domain.xml", "nvram": "nvram.fd", "libvirt-autostart": "autostart", "qemu-img": "disks.json", "virtnbdbackup-checkpoint": "checkpoint.xml"} {
		if kept[kind] != name {
			t.Errorf("%s is kept as %q", kind, kept[kind])
		}
	}
}

// TestIdentity tells the same run wherever it lies, and another one apart.
func TestIdentity(t *testing.T) {
	t.Parallel()
	one, two, other := t.TempDir(), t.TempDir(), t.TempDir()
	s := small("vda", "full", "virtnbdbackup.0", "")
	s.Write(t, one)
	s.Write(t, two)
	at(s, 1).Write(t, other)
	p := openSet(t, one).Points[0]
	m := &format.Manifest{Tags: openSet(t, two).Points[0].Tags()}
	if p.In([]*format.Manifest{m}) != m {
		t.Error("the same run is not found again")
	}
	if openSet(t, other).Points[0].In([]*format.Manifest{m}) != nil {
		t.Error("another run is taken for it")
	}
}
