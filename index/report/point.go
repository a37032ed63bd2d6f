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
	Anomaly     string    `json:"anomaly,omitempty"` // why it is out of the machine's ordinary
	*Noted
}

// Noted is what came to be known of a point later. Where a report has to stay as it is, it is left out.
type Noted struct {
	VerifiedAt Instant `json:"verified_at"`      // as of when it is known to be whole; null when it is not
	Protected  bool    `json:"protected"`        // from forget
	Damaged    string  `json:"damaged"`          // what of the point cannot be read; "" when nothing is known
	Accepted   bool    `json:"anomaly_accepted"` // the anomaly was expected
}

// An Instant is a time, null when it is zero.
type Instant struct{ time.Time }

// MarshalJSON gives null for zero.
func (i Instant) MarshalJSON() ([]byte, error) {
	if i.IsZero() {
		return []byte("null"), nil
	}
	return i.Time.MarshalJSON()
}

// UnmarshalJSON reads what MarshalJSON gives.
func (i *Instant) UnmarshalJSON(b []byte) error {
	return i.Time.UnmarshalJSON(b) // to which null is zero
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
	Audited  int64  `json:"audited_bytes"` // read to see whether the change tracking tells the truth
	Fallback string `json:"fallback"`      // why changed-block tracking was not used; "" when it was, or was not asked for
}

// Of gives the report of a manifest; a summary is enough.
func Of(m *format.Manifest) Point {
	p := Point{
		ID: m.Point.String(), Machine: m.MachineName, Name: m.Name, Time: m.Time.UTC(),
		Level: m.Done, Consistency: m.Consistency, Complete: m.Complete(),
		Tags: listOf(m.Tags), Disks: make([]Disk, len(m.Disks)), Warnings: listOf(m.Warnings), Anomaly: m.Anomaly,
	}
	for i := range m.Disks {
		p.Disks[i] = ofDisk(&m.Disks[i])
	}
	return p
}

// With adds what notes say, and as of when the point is known to be whole; zero when it is not.
func (p Point) With(f format.Facts, verified time.Time) Point {
	p.Noted = &Noted{Instant{verified}, f.Protected, f.Damaged, f.Accepted}
	return p
}

func ofDisk(d *format.Disk) Disk {
	return Disk{
		Name: d.Name, State: d.State, Reason: d.Reason, Size: d.Size,
		Read: d.Read, Changed: d.Changed, New: d.New, Stored: d.Stored, Audited: d.Audited, Fallback: d.Fallback,
	}
}

func listOf(s []string) []string { return append([]string{}, s...) }
