package qmp

import (
	"slices"
	"strings"

	"vbfs/hyper/qmp"
	"vbfs/index/format"
	"vbfs/ingest"
)

// markPrefix begins the names of a repository's marks. Others' are left alone.
func markPrefix(repo format.UUID) string { return "vbfs-" + repo.String() + "-" }

// mark names what begins at a point's instant.
func mark(repo, point format.UUID) string { return markPrefix(repo) + point.String() }

// bitmap names a mark's bitmap of one disk: an image that was copied over another one has the bitmaps of its own disk. QEMU takes
// names of 1023 bytes, this has up to 271.
func bitmap(mark, disk string) string { return mark + "-" + disk }

// marked tells whether changes since the point can be known: a disk of it names a mark of the point itself. That of a
// copied point is another one's.
func marked(p *format.Manifest) bool {
	return slices.ContainsFunc(p.Disks, func(d format.Disk) bool {
		return strings.HasPrefix(d.Tracking, "vbfs-") && strings.HasSuffix(d.Tracking, "-"+p.Point.String())
	})
}

// needed names the marks that a later run can count from: of the newest marked point, and of the newest marked full.
// points are complete and go from old to new.
func needed(repo format.UUID, points []*format.Manifest) (names []string) {
	any, full := false, false
	for _, p := range slices.Backward(points) {
		if marked(p) && (!any || p.Done == ingest.Full && !full) {
			names = append(names, mark(repo, p.Point))
			any, full = true, full || p.Done == ingest.Full
		}
	}
	return names
}

// ofMark tells whether a bitmap is one of a mark's.
func ofMark(name, mark string) bool { return strings.HasPrefix(name, mark+"-") }

// unneeded tells the bitmaps of a repository that are to go: which no later run counts from, for points are all that there are, or which
// QEMU has not saved. Those stand in the way of a resize, too.
func unneeded(repo format.UUID, points []*format.Manifest) func(b *qmp.Bitmap) bool {
	keep := needed(repo, points)
	return func(b *qmp.Bitmap) bool {
		wanted := slices.ContainsFunc(keep, func(mark string) bool { return ofMark(b.Name, mark) })
		return strings.HasPrefix(b.Name, markPrefix(repo)) && (b.Inconsistent || !wanted)
	}
}
