// Package mark names what QEMU keeps track of changes by, of all machines that it runs: a checkpoint of libvirt's, or dirty bitmaps.
//
// A mark is named vbfs-REPOSITORY-POINT. What was written since a point is counted from the mark with its name, by nothing else: a point that
// was copied from another repository has none here. Names that begin otherwise are somebody else's, and never touched.
package mark

import (
	"slices"
	"strings"

	"vbfs/index/format"
	"vbfs/ingest"
)

// Prefix begins the names of a repository's marks.
func Prefix(repository format.UUID) string { return "vbfs-" + repository.String() + "-" }

// Name is that of the mark made at a point's instant.
func Name(repository, point format.UUID) string { return Prefix(repository) + point.String() }

// Newest is the last of the points, which go from old to new, that has a mark of its own; for ingest.Diff the last full one. nil: none.
func Newest(points []*format.Manifest, level string) *format.Manifest {
	for _, p := range slices.Backward(points) {
		if marked(p) && (level != ingest.Diff || p.Done == ingest.Full) {
			return p
		}
	}
	return nil
}

// Needed names the marks that an increment or a differential to come may count from.
func Needed(repository format.UUID, points []*format.Manifest) (names []string) {
	for _, level := range []string{ingest.Inc, ingest.Diff} {
		if p := Newest(points, level); p != nil {
			names = append(names, Name(repository, p.Point))
		}
	}
	return slices.Compact(names)
}

func marked(p *format.Manifest) bool {
	return p.OriginRepo.IsZero() && slices.ContainsFunc(p.Disks, func(d format.Disk) bool {
		return d.HasImage() && strings.HasPrefix(d.Tracking, "vbfs-") && strings.HasSuffix(d.Tracking, "-"+p.Point.String())
	})
}
