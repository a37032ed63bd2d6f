package index

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"vbfs/index/format"
	"vbfs/index/object"
)

// A Writer brings one point in. It has one owner; its Workers have a goroutine each. Exactly one of Commit and Abort ends
// it; Abort after Commit does nothing.
type Writer struct {
	// Manifest is what the point will say. Begin fills in the IDs, the names and the place in the machine's history; the
	// owner adds the rest before Commit. Disks are added by Disk, in any order.
	Manifest format.Manifest

	repo  *Repository
	base  *format.Manifest // of the session; nil for none
	found *lookup
	tree  *treeWriter
	taken map[string]bool // names of the machine's points
	ended bool

	mu        sync.Mutex // guards all below
	disks     []*DiskWriter
	strangers bool // some disk has a parent that is not of the base
	open      int  // workers
}

// BeginOptions says whose point it is.
type BeginOptions struct {
	Machine string      // name
	ID      format.UUID // of the machine, of a copy; zero finds it by its name, or makes it
	Tool    string      // program and version
	Host    string
	Base    *format.Manifest // the point that disks inherit from; nil for none
	Time    time.Time        // of capture; zero is now
}

// Begin opens a session for a new point (W0). ErrLocked when another writer is at work on the machine; a session whose
// writer has died is ended on the way.
func (r *Repository) Begin(ctx context.Context, o BeginOptions) (*Writer, error) {
	if err := format.MachineName(o.Machine); err != nil {
		return nil, err
	}
	if err := writable(ctx, r.store); err != nil {
		return nil, err
	}
	if err := r.ring.Refresh(); err != nil { // what is new uses the newest master key
		return nil, err
	}
	w := &Writer{repo: r, base: o.Base}
	m := &w.Manifest
	rand.Read(m.Point[:])
	m.Machine, m.MachineName, m.Tool, m.Host = o.ID, o.Machine, o.Tool, o.Host
	if err := w.identify(ctx); err != nil {
		return nil, err
	}
	if err := r.openSession(ctx, m, o.Base); err != nil {
		return nil, err
	}
	if err := w.start(ctx, o.Time); err != nil {
		w.Abort(ctx)
		return nil, err
	}
	return w, nil
}

// identify finds the machine by its name, or makes it. One whose ID is known must not find its name taken by another.
func (w *Writer) identify(ctx context.Context) error {
	points, err := w.repo.Points(ctx)
	if err != nil {
		return err
	}
	m := &w.Manifest
	known := !m.Machine.IsZero()
	for _, p := range points {
		if p.MachineName != m.MachineName || p.Machine == m.Machine {
			continue
		}
		if known {
			return fmt.Errorf("machine %s has the ID %v, and in repository %v another one has that name, %v: %w",
				m.MachineName, m.Machine, w.repo.ID(), p.Machine, ErrOtherMachine)
		}
		m.Machine = p.Machine
	}
	if m.Machine.IsZero() {
		rand.Read(m.Machine[:])
	}
	return nil
}

// start does what comes after the session is there: points listed earlier may have been joined by one since.
func (w *Writer) start(ctx context.Context, at time.Time) error {
	points, err := w.repo.Points(ctx)
	if err != nil {
		return err
	}
	w.place(at, slices.DeleteFunc(points, func(p *format.Manifest) bool { return p.Machine != w.Manifest.Machine }))
	if w.found, err = newLookup(ctx, w.repo); err != nil {
		return err
	}
	w.tree, err = newTreeWriter(w.repo, format.MarkOf(w.Manifest.Point))
	return err
}

// place gives the point its name and its number after the machine's other points. The name is the instant to the second;
// when it is taken, the next free one.
func (w *Writer) place(at time.Time, others []*format.Manifest) {
	m := &w.Manifest
	m.Start = time.Now().UTC()
	if at.IsZero() {
		at = m.Start
	}
	m.Sequence = 1
	w.taken = map[string]bool{}
	for _, p := range others {
		w.taken[p.Name] = true
		if p.Sequence >= m.Sequence {
			m.Sequence, m.Predecessor = p.Sequence+1, p.Point
		}
	}
	w.At(at)
}

// At says when the point was captured, where that is known only after Begin: the point is named by it.
func (w *Writer) At(instant time.Time) {
	m := &w.Manifest
	m.Time = instant.UTC()
	for second := m.Time.Truncate(time.Second); ; second = second.Add(time.Second) {
		if m.Name = second.Format(TimeLayout); !w.taken[m.Name] {
			return
		}
	}
}

// Disk begins a disk of the point. d says what is known of it. The parent, if there is one, is where unchanged blocks are
// looked for first; it may be of another size. With inherit, blocks that are not written stay as in the parent, which has
// to be of the same size and not to name what repair marked as lost; without, every block has to be written.
func (w *Writer) Disk(d format.Disk, parent *Image, inherit bool) (*DiskWriter, error) {
	if inherit && (parent == nil || parent.Size() != d.Size) {
		return nil, fmt.Errorf("disk %s: inherit from a disk of another size: %w", d.Name, ErrParent)
	}
	if inherit {
		if err := w.found.gone.notLost(parent); err != nil {
			return nil, fmt.Errorf("disk %s: %w: %w", d.Name, ErrParent, err)
		}
	}
	dw := newDiskWriter(w, d, parent, inherit)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.disks = append(w.disks, dw)
	if parent != nil && (w.base == nil || parent.point != w.base.Point) {
		w.strangers = true
	}
	return dw, nil
}

// Abort gives the point up: nothing of it stays but packs that are sealed already, whose blocks the next backup finds
// again. Workers have to be closed before.
func (w *Writer) Abort(ctx context.Context) error {
	if w.ended {
		return nil
	}
	w.end()
	if w.tree != nil {
		w.tree.abort()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	return w.repo.dropSession(ctx, w.Manifest.Point)
}

// end says that the writer is at work no more.
func (w *Writer) end() {
	w.ended = true
	if w.found != nil { // it had begun
		w.found.end()
	}
}

// cleanUpTime bounds what is done after a cancelled or failed write.
const cleanUpTime = 30 * time.Second

// dropSession removes what may be pending under a session, and then the session: as long as that is there, somebody will
// end it.
func (r *Repository) dropSession(ctx context.Context, point format.UUID) error {
	for _, name := range []string{pendingName(point), sessionName(point)} {
		if err := r.store.Delete(ctx, name); err != nil && !errors.Is(err, object.ErrNotExist) {
			return fmt.Errorf("end session: %w", err)
		}
	}
	return nil
}
