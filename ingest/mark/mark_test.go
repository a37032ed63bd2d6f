package mark

import (
	"slices"
	"testing"

	"vbfs/index/format"
	"vbfs/ingest"
)

func TestNewestAndNeeded(t *testing.T) {
	repo := format.UUID{7}
	point := func(id byte, done, tracking string, state string) *format.Manifest {
		return &format.Manifest{Point: format.UUID{id}, Done: done, Disks: []format.Disk{{State: state, Tracking: tracking}}}
	}
	own := func(id byte) string { return Name(repo, format.UUID{id}) }
	copied := point(5, ingest.Full, own(5), format.DiskOK)
	copied.OriginRepo = format.UUID{8}
	points := []*format.Manifest{
		point(1, ingest.Full, own(1), format.DiskOK),
		point(2, ingest.Inc, own(2), format.DiskOK),
		point(3, ingest.Full, own(1), format.DiskOK),     // shut off: the older mark stays in use
		point(4, ingest.Full, own(4), format.DiskFailed), // nothing was captured
		copied,
		point(6, ingest.Full, "", format.DiskOK),
		point(9, ingest.Full, "other-"+format.UUID{9}.String(), format.DiskOK),
	}
	for n, want := range []struct{ inc, diff byte }{{}, {1, 1}, {2, 1}, {2, 1}, {2, 1}, {2, 1}, {2, 1}, {2, 1}} {
		var names []string
		for level, id := range map[string]byte{ingest.Inc: want.inc, ingest.Diff: want.diff} {
			if p := Newest(points[:n], level); (p != nil) != (id != 0) || p != nil && p.Point != (format.UUID{id}) {
				t.Errorf("newest of %d, %s: %+v", n, level, p)
			}
			if id != 0 && !slices.Contains(names, own(id)) {
				names = append(names, own(id))
			}
		}
		slices.Sort(names)
		got := Needed(repo, points[:n])
		if slices.Sort(got); !slices.Equal(got, names) {
			t.Errorf("needed of %d: %q", n, got)
		}
	}
}
