package libvirt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	rpc "github.com/digitalocean/go-libvirt"
	xml "libvirt.org/go/libvirtxml"
)

// A Checkpoint is an instant since which a domain's disks are watched: libvirt, docs/formatcheckpoint.
type Checkpoint struct {
	Name    string
	Parent  string    // "" for none
	Created time.Time // to the second, by the host's clock
	Disks   []string  // targets of those with a bitmap
}

// maxCheckpoints bounds what is listed of one domain: every write costs time for each.
const maxCheckpoints = 1 << 16

// Checkpoints lists the domain's checkpoints from old to new.
func (d *Domain) Checkpoints(ctx context.Context) ([]Checkpoint, error) {
	raw, err := ask(ctx, d.conn, func(l *rpc.Libvirt) ([]rpc.DomainCheckpoint, error) {
		c, _, err := l.DomainListAllCheckpoints(d.raw, maxCheckpoints, 0)
		return c, err
	})
	if err != nil {
		return nil, d.wrap("list checkpoints of", err)
	}
	var out []Checkpoint
	for _, r := range raw {
		def, err := d.checkpoint(ctx, r)
		if errors.Is(err, ErrNoCheckpoint) {
			continue // gone since
		}
		if err != nil {
			return nil, err
		}
		out = append(out, checkpointOf(def))
	}
	byAge(out)
	return out, nil
}

// byAge puts parents before children: two of one second are told apart by nothing else. Those without a common ancestor go by their time.
func byAge(all []Checkpoint) {
	parent, depth := map[string]string{}, map[string]int{}
	for _, c := range all {
		parent[c.Name] = c.Parent
	}
	for _, c := range all {
		for p := c.Parent; p != "" && depth[c.Name] < len(all); p = parent[p] {
			depth[c.Name]++
		}
	}
	slices.SortStableFunc(all, func(a, b Checkpoint) int {
		return cmp.Or(cmp.Compare(depth[a.Name], depth[b.Name]), a.Created.Compare(b.Created))
	})
}

// Checkpoint finds one by name.
func (d *Domain) Checkpoint(ctx context.Context, name string) (Checkpoint, error) {
	def, err := d.checkpoint(ctx, d.rawCheckpoint(name))
	if err != nil {
		return Checkpoint{}, err
	}
	return checkpointOf(def), nil
}

// CheckpointXML describes a checkpoint, with the domain as it was at its instant.
func (d *Domain) CheckpointXML(ctx context.Context, name string) (string, error) {
	return d.checkpointXML(ctx, d.rawCheckpoint(name), 0)
}

func (d *Domain) rawCheckpoint(name string) rpc.DomainCheckpoint {
	return rpc.DomainCheckpoint{Name: name, Dom: d.raw}
}

func (d *Domain) checkpointXML(ctx context.Context, r rpc.DomainCheckpoint, flags rpc.DomainCheckpointXMLFlags) (string, error) {
	text, err := ask(ctx, d.conn, func(l *rpc.Libvirt) (string, error) { return l.DomainCheckpointGetXMLDesc(r, uint32(flags)) })
	return text, d.wrap("checkpoint "+r.Name+" of", err)
}

func (d *Domain) checkpoint(ctx context.Context, r rpc.DomainCheckpoint) (*xml.DomainCheckpoint, error) {
	text, err := d.checkpointXML(ctx, r, rpc.DomainCheckpointXMLNoDomain)
	if err != nil {
		return nil, err
	}
	def := new(xml.DomainCheckpoint)
	if err := def.Unmarshal(text); err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w: %w", r.Name, ErrProtocol, err)
	}
	return def, nil
}

func checkpointOf(def *xml.DomainCheckpoint) Checkpoint {
	c := Checkpoint{Name: def.Name}
	if def.Parent != nil {
		c.Parent = def.Parent.Name
	}
	if s, err := strconv.ParseInt(def.CreationTime, 10, 64); err == nil {
		c.Created = time.Unix(s, 0)
	}
	for _, d := range marked(def) {
		c.Disks = append(c.Disks, d.Name)
	}
	return c
}

// marked gives the disks that have a bitmap.
func marked(def *xml.DomainCheckpoint) (out []xml.DomainCheckpointDisk) {
	if def.Disks == nil {
		return nil
	}
	for _, d := range def.Disks.Disks {
		if d.Checkpoint == "bitmap" {
			out = append(out, d)
		}
	}
	return out
}

// DeleteCheckpoint ends the watch since a checkpoint, with its bitmaps. One that is not there is no error. Where some of its bitmaps are
// gone already, which libvirt refuses to delete the others for, it is described to libvirt anew without them.
func (d *Domain) DeleteCheckpoint(ctx context.Context, name string) error {
	for {
		err := d.deleteCheckpoint(ctx, name, 0)
		if err == nil || errors.Is(err, ErrNoCheckpoint) {
			return nil
		}
		def, lost := d.lostBitmap(ctx, name, err)
		if !lost {
			return d.wrap("delete checkpoint "+name+" of", err)
		}
		if err := d.deleteCheckpoint(ctx, name, rpc.DomainCheckpointDeleteMetadataOnly); err != nil {
			return d.wrap("forget checkpoint "+name+" of", err)
		}
		if len(marked(def)) == 0 {
			return nil
		}
		if err := d.redefine(ctx, def); err != nil {
			return d.wrap("describe checkpoint "+name+" anew of", err)
		}
	}
}

func (d *Domain) deleteCheckpoint(ctx context.Context, name string, flags rpc.DomainCheckpointDeleteFlags) error {
	return say(ctx, d.conn, func(l *rpc.Libvirt) error { return l.DomainCheckpointDelete(d.rawCheckpoint(name), flags) })
}

// lostBitmap gives the checkpoint without the disk whose bitmap is gone, when that is what libvirt complains of.
func (d *Domain) lostBitmap(ctx context.Context, name string, complaint error) (*xml.DomainCheckpoint, bool) {
	if !strings.Contains(complaint.Error(), "bitmap '"+name+"' not found") {
		return nil, false
	}
	def, err := d.checkpoint(ctx, d.rawCheckpoint(name))
	if err != nil {
		return nil, false
	}
	for _, m := range marked(def) {
		i := slices.IndexFunc(def.Disks.Disks, func(o xml.DomainCheckpointDisk) bool { return o.Name == m.Name })
		if names(complaint, m.Name) {
			def.Disks.Disks[i] = xml.DomainCheckpointDisk{Name: m.Name, Checkpoint: "no"}
			return def, true
		}
	}
	return nil, false
}

// DropBitmaps removes the bitmaps that some of the domain's disks have of a checkpoint that libvirt does not know any more: it is
// described to libvirt, to be deleted.
func (d *Domain) DropBitmaps(ctx context.Context, name string, on map[string]bool, disks []Disk) error {
	def := &xml.DomainCheckpoint{Name: name, CreationTime: "1", Disks: &xml.DomainCheckpointDisks{}}
	for _, disk := range disks {
		c := xml.DomainCheckpointDisk{Name: disk.Target, Checkpoint: "no"}
		if on[disk.Target] {
			c.Checkpoint, c.Bitmap = "bitmap", name
		}
		def.Disks.Disks = append(def.Disks.Disks, c)
	}
	if err := d.redefine(ctx, def); err != nil {
		return d.wrap("describe bitmap "+name+" of", err)
	}
	return d.DeleteCheckpoint(ctx, name)
}

func (d *Domain) redefine(ctx context.Context, def *xml.DomainCheckpoint) error {
	def.Parent = nil // it may be gone
	text, err := def.Marshal()
	if err != nil {
		return err
	}
	return say(ctx, d.conn, func(l *rpc.Libvirt) error {
		_, err := l.DomainCheckpointCreateXML(d.raw, text, uint32(rpc.DomainCheckpointCreateRedefine))
		return err
	})
}
