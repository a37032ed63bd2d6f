package libvirt

import (
	"slices"
	"strings"

	"vbfs/index/format"
	"vbfs/ingest"
)

// prefix begins the names of a repository's checkpoints: all others are somebody else's.
func prefix(repository format.UUID) string { return "vbfs-" + repository.String() + "-" }

// mark names the checkpoint made at a point's instant.
func mark(repository, point format.UUID) string { return prefix(repository) + point.String() }

// Base chooses the newest complete point that has a checkpoint of its own; for Diff the newest full one.
func (m *Machine) Base(points []*format.Manifest, level string) *format.Manifest {
	return newest(points, func(p *format.Manifest) bool { return level != ingest.Diff || p.Done == ingest.Full })
}

// newest finds the last of the points that are marked and fit.
func newest(points []*format.Manifest, fit func(*format.Manifest) bool) *format.Manifest {
	for _, p := range slices.Backward(points) {
		if marked(p) && fit(p) {
			return p
		}
	}
	return nil
}

// marked tells whether changes can be counted from the point itself: a checkpoint was made at its instant. A point that was
// copied from another repository is not: its checkpoint is that one's to keep.
func marked(p *format.Manifest) bool {
	return p.OriginRepo.IsZero() && slices.ContainsFunc(p.Disks, func(d format.Disk) bool {
		return d.HasImage() && strings.HasPrefix(d.Tracking, "vbfs-") && strings.HasSuffix(d.Tracking, "-"+p.Point.String())
	})
}

// needed gives the checkpoints that an increment or a differential to come may count from.
func needed(repository format.UUID, points []*format.Manifest) map[string]bool {
	out := map[string]bool{}
	full := func(p *format.Manifest) bool { return p.Done == ingest.Full }
	all := func(*format.Manifest) bool { return true }
	for _, p := range []*format.Manifest{newest(points, all), newest(points, full)} {
		if p != nil {
			out[mark(repository, p.Point)] = true
		}
	}
	return out
}
