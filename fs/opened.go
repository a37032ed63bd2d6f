package fs

import (
	"context"
	"fmt"
	"sync"

	"vbfs/guest/part"
	"vbfs/index"
	"vbfs/index/format"
)

// An opened is a point whose manifest is whole.
type opened struct {
	repo     *index.Repository
	manifest *format.Manifest

	mu     sync.Mutex // guards all below
	images map[string]*index.Image
	tables map[string]part.Table
}

// open reads a point's manifest, unless it was in use lately.
func (t *tree) open(ctx context.Context, p *point) (*opened, error) {
	if o, ok := t.opened.Get(p.Point); ok {
		return o, nil
	}
	m, err := t.repo.Point(context.WithoutCancel(ctx), p.Manifest)
	if err != nil {
		return nil, fmt.Errorf("open point %s@%s: %w", p.MachineName, p.Name, err)
	}
	o := &opened{repo: t.repo, manifest: m, images: map[string]*index.Image{}, tables: map[string]part.Table{}}
	t.opened.Add(p.Point, o)
	return o, nil
}

// image gives the image of a disk.
func (o *opened) image(disk string) (*index.Image, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.imageLocked(disk)
}

func (o *opened) imageLocked(disk string) (*index.Image, error) {
	if im, ok := o.images[disk]; ok {
		return im, nil
	}
	im, err := o.repo.Image(o.manifest, disk)
	if err != nil {
		return nil, err
	}
	o.images[disk] = im
	return im, nil
}

// table gives a disk's partition table: an empty one when the disk has none that can be understood. A disk that cannot be
// read is an error.
func (o *opened) table(disk *format.Disk) (part.Table, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if t, ok := o.tables[disk.Name]; ok {
		return t, nil
	}
	im, err := o.imageLocked(disk.Name)
	if err != nil {
		return part.Table{}, err
	}
	r := &watched{r: im}
	t, err := part.Read(r, im.Size(), sectorSize(disk))
	if r.err != nil {
		return part.Table{}, fmt.Errorf("disk %s of %s@%s: %w", disk.Name, o.manifest.MachineName, o.manifest.Name, r.err)
	}
	if err != nil {
		t = part.Table{}
	}
	o.tables[disk.Name] = t
	return t, nil
}

// sectorSize gives what the table counts in; 0, try, when the point does not say.
func sectorSize(d *format.Disk) int {
	if d.Logical == 512 || d.Logical == 4096 {
		return int(d.Logical)
	}
	return 0
}
