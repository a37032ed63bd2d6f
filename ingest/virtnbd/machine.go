package virtnbd

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"vbfs/index/format"
	"vbfs/ingest"
)

var _ ingest.Machine = (*Point)(nil)

// Base gives the point of the repository that was made of the one that changes are counted from.
func (p *Point) Base(points []*format.Manifest, _ string) *format.Manifest {
	if p.parent == nil {
		return nil
	}
	if m := p.parent.In(points); m != nil && m.Complete() {
		return m
	}
	return nil
}

// Take gives the point's disks, as they were then.
func (p *Point) Take(ctx context.Context, w ingest.Wish) (*ingest.Shot, error) {
	shot := &ingest.Shot{
		Time: p.Time, Consistency: ingest.Crash, Warnings: slices.Clone(p.warnings), // taken once more, it is the same
		Release: func(context.Context) error { return nil },
	}
	if p.domain != nil && len(p.domain.UUID) == len(format.UUID{})*2+4 {
		shot.Hypervisor = []string{"libvirt-domain=" + p.domain.UUID}
	}
	var unkept []string
	shot.Configs, unkept = p.configs()
	shot.Warnings = append(shot.Warnings, unkept...)
	for _, d := range p.disks() {
		shot.Disks = append(shot.Disks, p.disk(d, w.Base != nil))
		if why := p.doubtful(ctx, d); why != "" {
			shot.Warnings = append(shot.Warnings, why)
		}
	}
	shot.Disks = append(shot.Disks, p.others()...)
	return shot, nil
}

// disk says what a disk is captured from.
func (p *Point) disk(name string, based bool) ingest.Disk {
	st := p.streams[name]
	d := p.describe(name)
	d.Origin = filepath.Join(p.set.Dir, st.name)
	if st.head != nil && st.head.Format != "" {
		d.Format = st.head.Format
	}
	chain, err := p.set.chain(st)
	d.Changes = err == nil && based && len(chain) > 1 && p.parent.streams[name] == chain[len(chain)-2]
	switch {
	case err != nil || d.Changes || len(chain) == 1:
	case based:
		d.Fallback = fmt.Sprintf("%s counts from another point than the other disks do", st.name)
	default:
		d.Fallback = "the point that it counts from is not in the repository, or not complete"
	}
	d.Open = func(ctx context.Context, changes bool) (ingest.Source, error) {
		if err != nil {
			return nil, err
		}
		return openImage(ctx, chain, changes)
	}
	return d
}

// describe takes what the domain's XML says of a disk.
func (p *Point) describe(name string) ingest.Disk {
	d := ingest.Disk{Name: name}
	if of := p.domain.disk(name); of != nil {
		d.Bus, d.Format, d.Logical, d.Physical = of.Target.Bus, of.Driver.Type, of.BlockIO.Logical, of.BlockIO.Physical
	}
	return d
}

// others are disks of the machine that the point has no stream of: left out by who made the set, or lost when a checkpoint
// was made for them.
func (p *Point) others() (out []ingest.Disk) {
	if p.domain == nil {
		return nil
	}
	seen := map[string]bool{}
	for _, of := range p.domain.Disks {
		name := of.Target.Dev
		if seen[name] || p.streams[name] != nil || !format.PathName(name) || of.Device != "" && of.Device != "disk" && of.Device != "lun" {
			continue
		}
		seen[name] = true
		d := p.describe(name)
		if err := p.missing(name); err != nil {
			d.Open = func(context.Context, bool) (ingest.Source, error) { return nil, err }
		} else {
			d.Skip = "the set has no stream of it"
		}
		out = append(out, d)
	}
	return out
}

// missing says that a stream should be there, or nil.
func (p *Point) missing(name string) error {
	if p.checkpoint == nil {
		return nil
	}
	for _, d := range p.checkpoint.Disks {
		if d.Name != name || d.Kind != "bitmap" {
			continue
		}
		file := p.file(name)
		if p.set.names[file+".partial"] {
			return fmt.Errorf("%w: %s was not written to its end", ErrMissing, file)
		}
		return fmt.Errorf("%w: %s is not there, although checkpoint %s was made for the disk", ErrMissing, file, p.Checkpoint())
	}
	return nil
}

// file is how a disk's stream would be called.
func (p *Point) file(disk string) string {
	for d, st := range p.streams {
		if st.marks() {
			return disk + strings.TrimPrefix(st.name, d)
		}
	}
	return disk + dataSuffix
}

// doubtful says why areas of a disk that became zero may not be zero in the point, or "": some stream that it is made of
// counts from another one and records no zeros. See doc.go.
func (p *Point) doubtful(ctx context.Context, name string) string {
	chain, err := p.set.chain(p.streams[name])
	if err != nil {
		return ""
	}
	for _, st := range chain {
		if !st.incremental() {
			continue
		}
		if err := st.use(ctx); err != nil {
			return ""
		}
		if !st.zeros() {
			return fmt.Sprintf("zeros not recorded: disk %s: %s does not tell what became zero or was discarded: if virtnbdbackup 2.21 or later wrote it, such areas may still hold what was there before", name, st.name)
		}
	}
	return ""
}
