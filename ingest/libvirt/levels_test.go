//go:build cgo && !nolibnbd

package libvirt

import (
	"slices"
	"testing"

	"vbfs/index/format"
	"vbfs/ingest/mark"
)

// Levels count from what they should: an increment from the newest point with a checkpoint, a differential from the newest
// full, a copy from nothing; and only the checkpoints that later ones count from are kept.
func TestLevels(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.dom.Write("vda", 1, 0, 3*mib)
	b.dom.Write("vdb", 2, 100, 1*mib)
	full := b.take("auto")
	b.level(full, "full", 3*mib)
	b.dom.Write("vda", 3, 64*kib, 64*kib)
	b.dom.Zero("vda", 512*kib, 128*kib)
	b.dom.Discard("vda", 1*mib, 256*kib)
	b.level(b.take("auto"), "inc", 64*kib)
	b.dom.Write("vda", 4, 100, 1)
	copied := b.take("copy")
	b.level(copied, "copy", -1)
	if d := copied.Disks[0]; d.Tracking != "" {
		t.Errorf("a copy keeps track: %+v", d)
	}
	b.dom.Write("vda", 5, 3*mib, 64*kib)
	inc := b.take("inc")
	b.level(inc, "inc", 128*kib)
	b.level(b.take("inc"), "inc", 0)
	last := b.take("diff")
	b.level(last, "diff", 192*kib)
	if got, want := b.ours(), []string{mark.Name(b.repo.ID(), full.Point), mark.Name(b.repo.ID(), last.Point)}; !sameSet(got, want) {
		t.Errorf("checkpoints %q, not %q", got, want)
	}
	b.level(b.take("inc"), "inc", 0)
	b.level(b.take("full"), "full", -1)
	if n := len(b.ours()); n != 1 {
		t.Errorf("%d checkpoints", n)
	}
}

// level checks what a point is and how much was read of its first disk; -1 is not checked.
func (b *bench) level(m *format.Manifest, done string, read int64) {
	b.t.Helper()
	d := m.Disks[0]
	if m.Done != done || read >= 0 && d.Read != read || d.Fallback != "" || len(m.Warnings) > 0 {
		b.t.Errorf("%s, not %s, %d bytes read, not %d, fallback %q, warnings %q", m.Done, done, d.Read, read, d.Fallback, m.Warnings)
	}
}

func sameSet(a, b []string) bool {
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
