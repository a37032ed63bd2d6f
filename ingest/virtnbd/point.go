package virtnbd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"vbfs/index/format"
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

// findDomain finds the domain's XML of the run.
func (p *Point) findDomain() {
	if p.Level == fileDiff {
		p.config = p.set.configNear(p)
	} else {
		p.config = "vmconfig." + p.ident() + ".xml"
	}
	if p.config != "" {
		p.domain = readDomain(p.set.root, p.config)
	}
}

// ident is how virtnbdbackup calls the files that belong to a run: by its checkpoint, or copy.
func (p *Point) ident() string {
	if p.Level == fileCopy {
		return fileCopy
	}
	for _, d := range p.disks() {
		switch st := p.streams[d]; {
		case st.kind == fileInc:
			return st.of
		case st.head != nil:
			return st.head.Checkpoint
		}
	}
	return firstCheckpoint
}

// firstCheckpoint is the one that a full backup makes.
const firstCheckpoint = "virtnbdbackup.0"

// configNear finds the XML of a differential run, which has a time for its name: the first one behind the streams, which
// releases before 2 write at the end of a run, else the last one before.
func (s *Set) configNear(p *Point) (best string) {
	var first, last time.Time
	for _, st := range p.streams {
		if first.IsZero() || st.at.Before(first) {
			first = st.at
		}
		if st.at.After(last) {
			last = st.at
		}
	}
	var at time.Time
	for _, name := range s.configs {
		t, ok := configTime(name)
		switch {
		case !ok:
		case best == "", at.Before(last) && (t.After(at) || !t.Before(last)), !at.Before(last) && !t.Before(last) && t.Before(at):
			best, at = name, t
		}
	}
	return best
}

// identify makes a name that the same run has wherever its files lie: of what the streams say of themselves, which has the
// time to the microsecond in it. Of what says nothing the name, size and time stand in.
func (p *Point) identify() string {
	h := sha256.New()
	for _, d := range p.disks() {
		st := p.streams[d]
		fmt.Fprintf(h, "%s\x00%d\x00", st.name, len(st.json))
		switch {
		case !st.raw && st.json != nil:
			h.Write(st.json)
		case st.info != nil:
			fmt.Fprintf(h, "%d %d", st.info.Size(), st.info.ModTime().UnixNano())
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Tags that points of imports have.
const (
	tagFrom       = "imported-from=virtnbdbackup"
	tagSet        = "virtnbdbackup-set="
	tagCheckpoint = "virtnbdbackup-checkpoint="
	tagID         = "virtnbdbackup-id="
)

// Tags say where the point comes from, and which one it is.
func (p *Point) Tags() []string {
	tags := []string{tagFrom, tagSet + p.set.Dir}
	if c := p.Checkpoint(); c != "" {
		tags = append(tags, tagCheckpoint+c)
	}
	return append(tags, tagID+p.id)
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

// In finds the point in a machine's history: the newest complete one that has its ID, else the newest.
func (p *Point) In(points []*format.Manifest) (found *format.Manifest) {
	for _, m := range points {
		if slices.Contains(m.Tags, tagID+p.id) && (found == nil || m.Complete() || !found.Complete()) {
			found = m
		}
	}
	return found
}

// Still tells whether disks that failed when the point was captured would fail again: it reads all that they are made of.
// The error says why; nil is that one of them would not.
func (p *Point) Still(ctx context.Context, m *format.Manifest) error {
	var why error
	for i := range m.Disks {
		d := &m.Disks[i]
		if d.State != format.DiskFailed {
			continue
		}
		err := p.sound(ctx, d.Name)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		why = errors.Join(why, fmt.Errorf("disk %s: %w", d.Name, err))
	}
	return why
}

// sound reads all that a disk is made of.
func (p *Point) sound(ctx context.Context, name string) error {
	st := p.streams[name]
	if st == nil {
		return p.missing(name)
	}
	chain, err := p.set.chain(st)
	if err != nil {
		return err
	}
	_, err = openImage(ctx, chain, false)
	return err
}

// Look reads the headers of all that the point is made of, and says what is wrong with them.
func (p *Point) Look(ctx context.Context) error {
	var all error
	for _, d := range p.disks() {
		chain, err := p.set.chain(p.streams[d])
		for _, st := range chain {
			err = errors.Join(err, st.use(ctx))
		}
		if err != nil {
			all = errors.Join(all, fmt.Errorf("disk %s: %w", d, err))
		}
	}
	return all
}
