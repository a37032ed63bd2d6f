package qmp

import (
	"slices"
	"strings"

	"vbfs/hyper/qmp"
	"vbfs/index/format"
	"vbfs/ingest/mark"
)

// bitmap names a mark's bitmap of one disk: an image that was copied over another one has the bitmaps of its own disk. QEMU takes
// names of 1023 bytes, this has up to 271.
func bitmap(mark, disk string) string { return mark + "-" + disk }

// ofMark tells whether a bitmap is one of a mark's.
func ofMark(name, mark string) bool { return strings.HasPrefix(name, mark+"-") }

// unneeded tells the bitmaps of a repository that are to go: which no later run counts from, for points are all that there are, or which
// QEMU has not saved. Those stand in the way of a resize, too.
func unneeded(repo format.UUID, points []*format.Manifest) func(b *qmp.Bitmap) bool {
	keep := mark.Needed(repo, points)
	return func(b *qmp.Bitmap) bool {
		wanted := slices.ContainsFunc(keep, func(mark string) bool { return ofMark(b.Name, mark) })
		return strings.HasPrefix(b.Name, mark.Prefix(repo)) && (b.Inconsistent || !wanted)
	}
}
