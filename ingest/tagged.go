package ingest

import (
	"slices"

	"vbfs/index/format"
)

// Tagged finds the point that has a tag, which tells where an import took it from: the newest complete one of points, from old
// to new, else the newest. nil is none.
func Tagged(points []*format.Manifest, tag string) (found *format.Manifest) {
	for _, m := range points {
		if slices.Contains(m.Tags, tag) && (found == nil || m.Complete() || !found.Complete()) {
			found = m
		}
	}
	return found
}
