package fs

import (
	"context"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A secondFolder is by-date/2026-11-20/20-03-27Z/: a link for each machine.
type secondFolder struct {
	dayFolder
	clock string
}

func (f secondFolder) identity() fusefs.StableAttr {
	return identity(syscall.S_IFDIR, byDate, f.date, f.clock)
}

// second gives what the folder shows: nothing once its last point was forgotten.
func (f secondFolder) second(ctx context.Context) (*second, error) {
	d, err := f.day(ctx)
	if s, ok := d.seconds.of[f.clock]; ok {
		return s, err
	}
	return &second{points: newShelf[*point]()}, err
}

func (f secondFolder) facts(ctx context.Context) (int, time.Time, error) {
	s, err := f.second(ctx)
	return 0, s.newest, err
}

func (f secondFolder) list(ctx context.Context) ([]fuse.DirEntry, error) {
	s, err := f.second(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]fuse.DirEntry, len(s.points.names))
	for i, name := range s.points.names {
		out[i] = entryOf(name, linkIdentity(byDateTarget(s.points.of[name]), f.date, f.clock))
	}
	return out, nil
}

func (f secondFolder) find(ctx context.Context, name string) (node, error) {
	s, err := f.second(ctx)
	if err != nil {
		return nil, err
	}
	p, ok := s.points.of[name]
	if !ok {
		return nil, errAbsent
	}
	return newLink(byDateTarget(p), p.Time, f.date, f.clock), nil
}

// byDateTarget is the way from by-date/DATE/TIME/ to a point.
func byDateTarget(p *point) string {
	return "../../../" + machines + "/" + p.MachineName + "/" + p.name
}
