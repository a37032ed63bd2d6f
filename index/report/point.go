package report

import (
	"time"

	"vbfs/index/format"
)

// A Point is what is said of a restore point.
type Point struct {
	ID          string    `json:"id"`
	Machine     string    `json:"machine"`
	Name        string    `json:"name"`
	Time        time.Time `json:"time"`
	Level       string    `json:"level"`
	Consistency string    `json:"consistency"`
	Complete    bool      `json:"complete"` // no disk failed
	Tags        []string  `json:"tags"`
	Disks       []Disk    `json:"disks"`
	Warnings    []string  `json:"warnings"`
}

// A Disk is what is said of one disk in a point.
type Disk struct {
	Name     string `json:"name"`
	State    string `json:"state"`            // ok, failed, skipped, carried
	Reason   string `json:"reason,omitempty"` // why it is not ok, or was read in full
	Size     int64  `json:"size_bytes"`
	Read     int64  `json:"read_bytes"`
	Changed  int64  `json:"changed_bytes"`
	New      int64  `json:"new_bytes"`
	Stored   int64  `json:"stored_bytes"`
	Fallback string `json:"fallback"` // why changed-block tracking was not used; "" when it was, or was not asked for
}

// Of gives the report of a manifest; a summary is enough.
func Of(m *format.Manifest) Point {
	p := Point{
		ID: m.Point.String(), Machine: m.MachineName, Name: m.Name, Time: m.Time.UTC(),
		Level: m.Done, Consistency: m.Consistency, Complete: m.Complete(),
		Tags: listOf(m.Tags), Disks: make([]Disk, len(m.Disks)), Warnings: listOf(m.Warnings),
	}
	for i := range m.Disks {
		p.Disks[i] = ofDisk(&m.Disks[i])
	}
	return p
}

func ofDisk(d *format.Disk) Disk {
	return Disk{
		Name: d.Name, State: d.State, Reason: d.Reason, Size: d.Size,
		Read: d.Read, Changed: d.Changed, New: d.New, Stored: d.Stored, Fallback: d.Fallback,
	}
}

func listOf(s []string) []string { return append([]string{}, s...) }
