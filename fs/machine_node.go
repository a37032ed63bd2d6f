package fs

import (
	"context"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// latest is the name of the link to the newest complete point.
const latest = "latest"

// A machineFolder is machines/NAME/: a folder for each point, and a link to the newest complete one.
type machineFolder struct {
	*tree
	name string
}

func (f machineFolder) identity() fusefs.StableAttr {
	return identity(syscall.S_IFDIR, machines, f.name)
}
func (f machineFolder) life() time.Duration { return f.remaining() }

// machine gives what the folder shows: nothing once its last point was forgotten.
func (f machineFolder) machine(ctx context.Context) (*machine, error) {
	l, err := f.listing(ctx)
	if m, ok := l.machines.of[f.name]; ok {
		return m, err
	}
	return &machine{points: newShelf[*point]()}, err
}

func (f machineFolder) facts(ctx context.Context) (int, time.Time, error) {
	m, err := f.machine(ctx)
	return len(m.points.names), m.newest, err
}

func (f machineFolder) list(ctx context.Context) ([]fuse.DirEntry, error) {
	m, err := f.machine(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]fuse.DirEntry, 0, len(m.points.names)+1)
	for _, name := range m.points.names {
		out = append(out, entryOf(name, pointFolder{f.tree, m.points.of[name]}.identity()))
	}
	if m.latest != "" {
		out = append(out, entryOf(latest, linkIdentity(m.latest, f.name)))
	}
	return out, nil
}

func (f machineFolder) find(ctx context.Context, name string) (node, error) {
	m, err := f.machine(ctx)
	if err != nil {
		return nil, err
	}
	if name == latest && m.latest != "" {
		return newLink(m.latest, m.points.of[m.latest].Time, f.name), nil
	}
	if p, ok := m.points.of[name]; ok {
		return newDir(f.tree, pointFolder{f.tree, p}), nil
	}
	return nil, errAbsent
}
