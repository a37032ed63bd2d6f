package index

import (
	"maps"
	"slices"
	"sync"

	"vbfs/index/block"
	"vbfs/index/format"
)

// A shelf is what the writers of a Repository have stored and the table has not yet. All of them find it: machines that are
// captured side by side store once what they have in common.
type shelf struct {
	mu      sync.Mutex // guards all below, and what of lookups and newPacks says so
	at      map[block.ID]format.Address
	claims  map[block.ID]chan struct{} // blocks that a worker is about to store; closed when that has ended
	open    map[format.PackID]*newPack // packs of at that are not durable yet
	sealed  map[format.PackID]bool     // packs of at that are, and that no segment has
	ready   int                        // blocks of these
	writers map[*lookup]bool           // at work
}

func newShelf() *shelf {
	return &shelf{
		at: map[block.ID]format.Address{}, claims: map[block.ID]chan struct{}{}, open: map[format.PackID]*newPack{},
		sealed: map[format.PackID]bool{}, writers: map[*lookup]bool{},
	}
}

// join says that a writer is at work, whose session is there and who has listed gc/ since: what is stored from now on is
// there after that.
func (s *shelf) join(l *lookup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writers[l] = true
}

func (s *shelf) leave(l *lookup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.writers, l)
}

// look gives where a block lies, if the shelf has it. A pack that is not durable yet, and that the writer may name, it has to
// make so before it commits.
func (s *shelf) look(l *lookup, id block.ID) (at format.Address, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at = s.at[id]
	p := s.open[at.Pack]
	if p == nil || !p.mayBeNamedBy(l) {
		return at, false
	}
	l.hopes[p] = true
	return at, true
}

// isSince tells whether a pack became durable since the writer began.
func (s *shelf) isSince(l *lookup, p format.PackID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return l.since[p]
}

// hopesOf gives the packs that a writer names and that are not durable, as far as is known.
func (s *shelf) hopesOf(l *lookup) []*newPack {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(l.hopes))
}

// claim has the caller store a block that it looked for and did not find, but for at seen; until it calls release, others
// wait. When there is something to wait for, or to be looked at again, it gives a channel that is closed then.
func (s *shelf) claim(id block.ID, seen format.Address) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if other, claimed := s.claims[id]; claimed {
		return other
	}
	c := make(chan struct{})
	if s.at[id] != seen {
		close(c)
		return c
	}
	s.claims[id] = c
	return nil
}

func (s *shelf) release(id block.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.claims[id])
	delete(s.claims, id)
}

// add notes a block that lies in an open pack.
func (s *shelf) add(id block.ID, at format.Address) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at[id] = at
}

// begin notes an open pack.
func (s *shelf) begin(p *newPack) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[p.id] = p
}

// sealing notes who is at work as a pack begins to be made durable: they and nobody else may name it unlisted. One who begins
// later may find it there from before it listed gc/, and gone again.
func (s *shelf) sealing(p *newPack) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.heirs = slices.AppendSeq([]*lookup{}, maps.Keys(s.writers))
}

// keep notes that a pack of n blocks is durable.
func (s *shelf) keep(p *newPack, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, p.id)
	s.sealed[p.id] = true
	s.ready += n
	for _, l := range p.heirs {
		l.since[p.id] = true
		delete(l.hopes, p)
	}
	p.heirs = nil
}

// lose forgets what lies in a pack that came to nothing.
func (s *shelf) lose(p *newPack) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, p.id)
	s.drop(map[format.PackID]bool{p.id: true})
}

// drop forgets what lies in packs. The caller holds mu.
func (s *shelf) drop(packs map[format.PackID]bool) {
	maps.DeleteFunc(s.at, func(_ block.ID, at format.Address) bool { return packs[at.Pack] })
}

// has tells whether the shelf has what lies in a durable pack.
func (s *shelf) has(p format.PackID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sealed[p]
}
