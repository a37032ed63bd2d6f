package main

import (
	"context"
	"errors"
	"fmt"

	"vbfs/ingest"
	"vbfs/ingest/file"
	"vbfs/ingest/nbd"
)

// captured gives the disks of a machine as the engine wants them. What is known of a disk only once it is open is
// written into its place in the slice then.
func (b *backup) captured(m machine) []ingest.Disk {
	disks := make([]ingest.Disk, len(m.disks))
	for i, s := range m.disks {
		disks[i].Name, disks[i].Skip = s.disk, s.skip
		if s.skip != "" {
			continue // its source need not even be there
		}
		if s.uri != "" {
			b.fromNBD(&disks[i], s.uri)
		} else {
			b.fromFile(&disks[i], s.path)
		}
	}
	return disks
}

// fromFile reads all of a file: nobody tracks its changes. Afterwards it is asked whether the file held still.
func (b *backup) fromFile(d *ingest.Disk, path string) {
	d.Open = func(ctx context.Context, _ bool) (ingest.Source, error) {
		src, err := file.Open(ctx, path, file.Options{Format: b.format})
		if err != nil {
			return nil, err
		}
		logical, physical := src.SectorSizes()
		d.Format, d.Logical, d.Physical = src.Format(), int64(logical), int64(physical)
		d.After = func() string {
			if _, how := src.Changed(); how != "" {
				return "changed while it was read: " + how
			}
			return ""
		}
		return src, nil
	}
}

// fromNBD reads what the dirty bitmap calls changed, when there is one and a point to build upon, else all.
func (b *backup) fromNBD(d *ingest.Disk, uri string) {
	d.Format = "nbd"
	d.Tracking, d.Changes = b.bitmap, b.bitmap != ""
	d.Open = func(ctx context.Context, changes bool) (ingest.Source, error) {
		var o nbd.Options
		if changes {
			o.Bitmaps = []string{b.bitmap}
		}
		src, err := nbd.Open(ctx, uri, o)
		if errors.Is(err, nbd.ErrNoBitmap) {
			return nil, fmt.Errorf("the server has no bitmap %s: %w", b.bitmap, err)
		}
		if err != nil {
			return nil, err
		}
		return src, nil
	}
}
