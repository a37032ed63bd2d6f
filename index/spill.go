package index

import (
	"fmt"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/table"
)

// spillAt bounds what of the shelf is durable, of all writers at once of a Repository: a million entries are about 90 MB. What lies
// in packs on their way comes on top, 16,384 blocks at most for each worker.
const spillAt = 1 << 20

// spill writes a segment of what of the shelf is durable, when that is so many blocks, with the map nodes and points that the
// caller adds. Without a table it is forgotten.
func (r *Repository) spill(many int, nodes []table.Entry, points []table.Point) error {
	blocks, packs := r.shelf.take(many)
	defer r.shelf.forget(packs)
	if r.table == nil || len(blocks)+len(nodes)+len(points) == 0 {
		return nil
	}
	return r.writeSegment(append(blocks, nodes...), points)
}

func entry(id block.ID, at format.Address) table.Entry {
	return table.Entry{Key: [16]byte(id[:16]), At: at}
}

func (r *Repository) writeSegment(entries []table.Entry, points []table.Point) error {
	if _, err := table.Write(r.tableDir, entries, points); err != nil {
		return fmt.Errorf("table: %w", err)
	}
	if err := r.table.Refresh(); err != nil {
		return fmt.Errorf("table: %w", err)
	}
	return nil
}

// take gives what lies in durable packs, when that is so many blocks, for a segment. Others find it here until that is written.
func (s *shelf) take(many int) (entries []table.Entry, packs map[format.PackID]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready < many {
		return nil, nil
	}
	entries = make([]table.Entry, 0, s.ready)
	for id, at := range s.at {
		if s.sealed[at.Pack] {
			entries = append(entries, entry(id, at))
		}
	}
	packs, s.sealed, s.ready = s.sealed, map[format.PackID]bool{}, 0
	return entries, packs
}

// forget drops what a segment has.
func (s *shelf) forget(packs map[format.PackID]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(packs)
}
