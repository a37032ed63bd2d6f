package virtnbd

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// A Point is one run of virtnbdbackup: one machine at one instant. It is an ingest.Machine.
type Point struct {
	Level string // full, copy, inc or diff
	Time  time.Time

	set        *Set
	streams    map[string]*stream // by disk
	parent     *Point             // that changes are counted from; nil for none
	domain     *domain            // nil when the set has none
	config     string             // name of its file
	checkpoint *checkpoint        // that was made with it; nil for none
	local      time.Time          // as the wall's clock showed it
	hasLocal   bool
	guessed    bool // Time is
	id         string
	warnings   []string
}

func (p *Point) warn(format string, args ...any) {
	p.warnings = append(p.warnings, fmt.Sprintf(format, args...))
}

// disks gives the names of the disks that the point has streams of.
func (p *Point) disks() []string { return slices.Sorted(maps.Keys(p.streams)) }

// Files names the point's streams.
func (p *Point) Files() (names []string) {
	for _, d := range p.disks() {
		names = append(names, p.streams[d].name)
	}
	return names
}

// settle takes what is known once all streams of the point are: what it is, and what belongs to it.
func (p *Point) settle() {
	if p.domain == nil {
		p.findDomain()
	}
	whole := true
	for d, st := range p.streams {
		if (st.kind == fileCopy || st.kind == fileFull) && p.domain.raw(d) {
			st.raw, st.head, st.headErr = true, nil, st.openErr
			continue
		}
		if st.marks() && p.checkpoint == nil {
			p.checkpoint = readCheckpoint(p.set.root, st.head.Checkpoint)
		}
		whole = whole && st.head != nil && !st.incremental()
	}
	if p.Level == fileInc && whole { // the chain was broken, and virtnbdbackup began a new one in its middle
		p.Level = fileFull
	}
	p.id = p.identify()
}

// Checkpoint is the one that was made with the point, or "".
func (p *Point) Checkpoint() string {
	for _, d := range p.disks() {
		if st := p.streams[d]; st.marks() {
			return st.head.Checkpoint
		}
	}
	return ""
}
