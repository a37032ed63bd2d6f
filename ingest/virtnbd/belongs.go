package virtnbd

import "time"

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
