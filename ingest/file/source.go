package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"vbfs/hyper/qemu"
	"vbfs/ingest"
)

// Options say how to read a path.
type Options struct {
	// Format is the image's format by QEMU's name: raw, qcow2, vmdk, vhdx, vdi, ... Empty is: detect it.
	Format string

	// Timeout is how long QEMU may give no sign of life while it serves an image. 0 is nbd.Options' default.
	Timeout time.Duration
}

// A Source is a disk in a file or a block device.
type Source struct {
	ingest.Source // the disk inside
	format        string
	sectors       sectors
	files         []watched
	server        io.Closer // ends qemu-nbd; nil for raw disks
}

// sectors are the disk's sector sizes, which a guest sees.
type sectors struct{ logical, physical int }

var defaultSectors = sectors{512, 512}

// Open opens a disk for a capture. It never writes.
func Open(ctx context.Context, path string, opts Options) (*Source, error) {
	self, err := watch(path)
	if err != nil {
		return nil, err
	}
	format := opts.Format
	if format == "" {
		if format, err = qemu.Detect(path); err != nil {
			return nil, err
		}
	}
	if format == qemu.Raw {
		return openRaw(self)
	}
	return openImage(ctx, qemu.Image{Path: path, Format: format}, opts)
}

// Format is the name of the image's format, "raw" if it is none.
func (s *Source) Format() string { return s.format }

// SectorSizes are the disk's logical and physical sector size: of a block device its own, else 512.
func (s *Source) SectorSizes() (logical, physical int) { return s.sectors.logical, s.sectors.physical }

// Changed tells whether the disk was written to since Open, and what shows it. Of a block device it sees a new size
// only: the kernel keeps no time of its last write.
func (s *Source) Changed() (bool, string) {
	for _, w := range s.files {
		if how := w.changed(); how != "" {
			return true, fmt.Sprintf("%s: %s", w.path, how)
		}
	}
	return false, ""
}

// Close ends the capture. That the disk's server had ended before is an error.
func (s *Source) Close() error {
	err := s.Source.Close()
	if s.server != nil {
		err = errors.Join(err, s.server.Close())
	}
	return err
}
