package libvirt

import (
	"sync"

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

// Options say how to restore. The zero value makes a new machine under its recorded name.
type Options struct {
	// Name of the domain. Empty is the recorded one.
	Name string

	// Storage is where a new machine's images lie: a directory, which has a slash in its name, or a storage pool.
	Storage string

	// Format of a new machine's images, raw or qcow2. Empty is that of each disk's source, as far as it is one of them.
	Format string

	// IDs of a new machine.
	IDs IDs

	// Delta writes into the images of an existing machine what differs, in place of making new ones.
	Delta bool

	// Verify reads back what was written and compares, before any of it takes effect where that can be.
	Verify bool

	// Workers is for each disk, as restore.Options have it.
	Workers int

	// Progress counts what is done. nil is: nobody wants to know.
	Progress *Progress
}

// A Result is what came of it.
type Result struct {
	Name, UUID string
	Disks      []Restored
	Notes      []string // what the user should know, a sentence each
}

// A Restored disk.
type Restored struct {
	Name, Path, Format string
	Size               int64
	Data               int64  // of the image, bytes
	Written            int64  // bytes that were written or zeroed: all but what was the same
	How                string // made, replaced, or by what was told what differs
}

// How a disk was restored.
const (
	Made     = "made"
	Replaced = "replaced"
	InPlace  = "overwritten"
	Compared = "compared with what it held"
	ByBitmap = "compared where its dirty bitmap tells of writes"
)

// config gives a recorded file of the machine, nil if there is none.
func (m Machine) config(kind string) []byte {
	for i := range m.Point.Configs {
		if c := &m.Point.Configs[i]; c.Kind == kind {
			return c.Data
		}
	}
	return nil
}

// data is how much all disks need at least.
func (m Machine) data() (sum int64) {
	for _, d := range m.Disks {
		sum += d.Amount.Data
	}
	return sum
}

// Progress counts what is done of all disks, while it is done.
type Progress struct {
	mu    sync.Mutex // of disks
	disks []*restore.Progress
}

// disk counts one more disk. p may be nil.
func (p *Progress) disk() *restore.Progress {
	one := new(restore.Progress)
	if p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.disks = append(p.disks, one)
	}
	return one
}

// Done counts the bytes of data that were written or need not be, and all that were read back.
func (p *Progress) Done() (sum int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.disks {
		sum += d.Data.Load() + d.Verified.Load()
	}
	return sum
}
