package ghettovcb

import (
	"fmt"
	"time"

	"vbfs/ingest"
)

// A Point is one backup of one machine: a folder, or an archive. It is an ingest.Machine.
type Point struct {
	Machine string
	Time    time.Time

	tree     *Tree
	rel      string   // of the folder or archive, below the tree's directory
	listed   *folder  // nil for an archive
	archive  *archive // nil for a folder
	status   status
	warnings []string
	id       string
}

// Level is full: ghettoVCB knows no other.
func (p *Point) Level() string { return ingest.Full }

// Files names the folder, or the archive.
func (p *Point) Files() []string { return []string{p.rel} }

// settle takes what is known before anything is read: the instant, what is to be warned of, and which backup it is.
func (p *Point) settle(name folderName, written time.Time, whose string) {
	if name.at.IsZero() {
		p.Time = written.UTC().Truncate(time.Second)
		p.warn("the folder's name tells no time: it is that of %s", whose)
	} else {
		p.Time = name.in(p.tree.o.Zone)
	}
	switch {
	case p.status == unknown:
		p.warn("ghettoVCB writes no status into archives: whether all of the machine was backed up is not known")
	case !p.status.whole():
		p.warn("incomplete: %s", p.status.why)
	}
	p.id = p.identify(name)
}

func (p *Point) warn(format string, args ...any) {
	p.warnings = append(p.warnings, fmt.Sprintf(format, args...))
}
