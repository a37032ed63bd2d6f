package index

import (
	"context"
	"fmt"
	"strings"

	"vbfs/index/format"
	"vbfs/index/table"
)

// Stats is what a repository holds and costs. Sizes are bytes.
type Stats struct {
	Machines []MachineStats
	Folders  map[string]FolderStats // by first part of the objects' names
	Segments []table.Info
}

// FolderStats counts the objects of a folder.
type FolderStats struct{ Objects, Bytes int64 }

// MachineStats is what a machine's points come to.
type MachineStats struct {
	Name   string
	Points int
	Disk   int64 // bytes of all disks of all points
	Data   int64 // of these, not zero
	New    int64 // bytes of blocks that its points brought in
	Stored int64 // that those take
}

// Stats counts what is there.
func (r *Repository) Stats(ctx context.Context) (*Stats, error) {
	points, err := r.Points(ctx)
	if err != nil {
		return nil, err
	}
	s := &Stats{Folders: map[string]FolderStats{}}
	for _, p := range points {
		if n := len(s.Machines); n == 0 || s.Machines[n-1].Name != p.MachineName {
			s.Machines = append(s.Machines, MachineStats{Name: p.MachineName})
		}
		s.Machines[len(s.Machines)-1].add(p)
	}
	for info, err := range r.store.List(ctx, "") {
		if err != nil {
			return nil, fmt.Errorf("list objects: %w", err)
		}
		folder, _, _ := strings.Cut(info.Name, "/")
		f := s.Folders[folder]
		f.Objects++
		f.Bytes += info.Size
		s.Folders[folder] = f
	}
	if r.table != nil {
		s.Segments = r.table.Segments()
	}
	return s, nil
}

func (s *MachineStats) add(p *format.Manifest) {
	s.Points++
	for i := range p.Disks {
		d := &p.Disks[i]
		s.Disk += d.Size
		s.Data += d.DataBytes()
		s.New += d.New
		s.Stored += d.Stored
	}
}
