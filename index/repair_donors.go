package index

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/imagemap"
)

// A donor may have bytes of a disk as it was at a point. What it gives is never trusted.
type donor struct {
	io.ReaderAt
	size int64
	name string
}

// blockOf reads block n of a disk of size bytes from the donor; nil when it does not have it.
func (d donor) blockOf(n, size int64) []byte {
	off, length := n<<block.Log2Size, block.Len(n, size)
	if off+int64(length) > d.size {
		return nil
	}
	b := make([]byte, length)
	if got, err := d.ReadAt(b, off); got < length || err != nil && err != io.EOF {
		return nil
	}
	return b
}

// A victim is a disk of a point, with its donors: what is sure to be equal first.
type victim struct {
	m      *format.Manifest
	d      *format.Disk
	im     *Image // whose map knows the nodes that were healed
	donors []donor
}

// donors gives the victims of all points.
type donors struct {
	p        *repair
	origins  map[origin]*format.Manifest
	machines map[format.UUID][]*format.Manifest
	opened   map[format.UUID]*format.Manifest // whole manifests of the other repository; nil for damaged ones
	victims  []*victim
}

// near is how many points of the other repository beside a point's own copy are asked for its bytes.
const near = 2

// findDonors finds who may have the bytes of which disk.
func (p *repair) findDonors(ctx context.Context) error {
	p.donors = &donors{
		p: p, origins: map[origin]*format.Manifest{}, machines: map[format.UUID][]*format.Manifest{}, opened: map[format.UUID]*format.Manifest{},
	}
	if p.o.From != nil && len(p.v.problems) > 0 {
		points, err := p.o.From.Points(ctx)
		if err != nil {
			return fmt.Errorf("in the other repository: %w", err)
		}
		for _, q := range points {
			p.donors.origins[p.o.From.originOf(q)] = q
			p.donors.machines[q.Machine] = append(p.donors.machines[q.Machine], q)
		}
	}
	for _, m := range p.v.points {
		for i := range m.Disks {
			if err := p.donors.add(ctx, m, &m.Disks[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// add finds the donors of a disk.
func (s *donors) add(ctx context.Context, m *format.Manifest, d *format.Disk) error {
	if !d.HasImage() {
		return nil
	}
	tree, err := imagemap.Open(d.Root, d.Size, s.p.nodes, s.p.maps)
	if err != nil {
		return ignoreDamage(err)
	}
	v := &victim{m: m, d: d, im: &Image{s.p.r, m.Point, *d, tree}}
	for _, q := range s.copies(m) {
		if err := s.ask(ctx, v, q); err != nil {
			return err
		}
	}
	for _, l := range s.p.o.Live {
		if (l.Machine == "" || l.Machine == m.MachineName) && l.Disk == d.Name {
			v.donors = append(v.donors, donor{l.ReaderAt, l.Size, l.Name})
		}
	}
	s.victims = append(s.victims, v)
	return nil
}

// copies gives the points of the other repository that may have what a point has: the same one, then the nearest ones of
// the machine.
func (s *donors) copies(m *format.Manifest) (out []*format.Manifest) {
	same := s.origins[s.p.r.originOf(m)]
	if same != nil {
		out = append(out, same)
	}
	others := slices.DeleteFunc(slices.Clone(s.machines[m.Machine]), func(q *format.Manifest) bool { return q == same })
	slices.SortStableFunc(others, func(a, b *format.Manifest) int {
		return cmp.Compare(a.Time.Sub(m.Time).Abs(), b.Time.Sub(m.Time).Abs())
	})
	return append(out, others[:min(near, len(others))]...)
}

// ask adds the disk as a point of the other repository has it.
func (s *donors) ask(ctx context.Context, v *victim, q *format.Manifest) error {
	full, ok := s.opened[q.Point]
	if !ok {
		var err error
		if full, err = s.p.o.From.Point(ctx, q); ignoreLoss(err) != nil {
			return fmt.Errorf("in the other repository: %w", err)
		}
		s.opened[q.Point] = full
	}
	if full == nil {
		return nil
	}
	if im := imageOf(s.p.o.From, full, v.d.ID); im != nil {
		v.donors = append(v.donors, donor{im, im.Size(), fmt.Sprintf("%s@%s of repository %v", q.MachineName, q.Name, s.p.o.From.ID())})
	}
	return nil
}

// neighbours gives the images of the same disk at other points of the machine, the nearest first.
func (s *donors) neighbours(v *victim) (out []*Image) {
	var others []*victim
	for _, o := range s.victims {
		if o != v && o.m.Machine == v.m.Machine && o.d.ID == v.d.ID {
			others = append(others, o)
		}
	}
	slices.SortStableFunc(others, func(a, b *victim) int {
		return cmp.Compare(a.m.Time.Sub(v.m.Time).Abs(), b.m.Time.Sub(v.m.Time).Abs())
	})
	for _, o := range others[:min(2*near, len(others))] {
		out = append(out, o.im)
	}
	return out
}
