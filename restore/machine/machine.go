package machine

import (
	"vbfs/index/format"
	"vbfs/restore"
)

// A Machine is what of a point is to be restored.
type Machine struct {
	Repository format.UUID // that the point is of
	Point      *format.Manifest
	Disks      []Disk // those with an image, or some of them

	// Alone: one disk was asked for, and nothing else of the machine.
	Alone bool
}

// A Disk of a point.
type Disk struct {
	Record *format.Disk
	Image  restore.Image
	Amount restore.Amount // of the image
}

// Config gives a recorded file of the machine by its kind, nil if there is none.
func (m Machine) Config(kind string) []byte {
	for i := range m.Point.Configs {
		if c := &m.Point.Configs[i]; c.Kind == kind {
			return c.Data
		}
	}
	return nil
}

// Data is how many bytes all disks need at least.
func (m Machine) Data() (sum int64) {
	for _, d := range m.Disks {
		sum += d.Amount.Data
	}
	return sum
}
