package qmp

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"vbfs/hyper/qmp"
	"vbfs/index/format"
)

// A disk is one of the machine's, and what is to become of it.
type disk struct {
	name              string
	number            int // among those captured: names in QEMU have it
	device            string
	kind              string // QEMU's name for the kind of device
	node              qmp.Node
	origin            string
	logical, physical int64
	skip              string // why it is left out; "": it is not

	mark     string // begins at the instant; "": none does
	base     string // the bitmap that is frozen then; "": none is
	keeper   string // the node that has the frozen one
	fallback string // why there is no base, although it was wished for
}

// disks lists the machine's disks, or, in a storage daemon, what it exports.
func disks(ctx context.Context, c *qmp.Client, f facts) ([]*disk, error) {
	blocks, err := c.Blocks(ctx)
	if err != nil {
		return nil, err
	}
	if f.status == "" {
		return exported(ctx, c, f)
	}
	var all []*disk
	for i := range blocks {
		d, err := attached(ctx, c, &blocks[i])
		if err != nil {
			return nil, err
		}
		d.name = unique(all, deviceName(&blocks[i]), i)
		d.origin = origin(&d.node, f.process)
		all = append(all, d)
	}
	return all, nil
}

// attached describes a device, and says why it is none to capture.
func attached(ctx context.Context, c *qmp.Client, b *qmp.Block) (*disk, error) {
	d := &disk{device: b.Device}
	if b.Medium != nil {
		d.node = *b.Medium
	}
	shared := false
	if b.Device != "" {
		for name, out := range map[string]any{
			"type": &d.kind, "share-rw": &shared, "logical_block_size": &d.logical, "physical_block_size": &d.physical,
		} {
			if err := c.Property(ctx, b.Device, name, out); err != nil {
				return nil, err
			}
		}
	}
	switch {
	case b.Medium == nil:
		d.skip = "it has no medium"
	case b.Device == "":
		d.skip = "it is attached to no device of the machine"
	case b.Medium.ReadOnly:
		d.skip = "the machine cannot write to it"
	case shared:
		d.skip = "other machines may write to it (share-rw), and nobody holds them still"
	case d.kind == "scsi-block" || d.kind == "scsi-generic":
		d.skip = "it is passed through (" + d.kind + "): the guest's writes go past what could hold it still"
	}
	return d, nil
}

// exported describes what a storage daemon exports to somebody.
func exported(ctx context.Context, c *qmp.Client, f facts) ([]*disk, error) {
	exports, err := c.Exports(ctx)
	if err != nil {
		return nil, err
	}
	nodes, err := c.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(exports, func(a, b qmp.Export) int { return strings.Compare(a.ID, b.ID) })
	var all []*disk
	for i, e := range exports {
		d := &disk{name: unique(all, e.ID, i), kind: e.Type}
		n := slices.IndexFunc(nodes, func(n qmp.Node) bool { return n.Name == e.Node })
		if n < 0 {
			return nil, fmt.Errorf("export %s: QEMU does not know its node %s", e.ID, e.Node)
		}
		d.node = nodes[n]
		d.origin = origin(&d.node, f.process)
		if slices.ContainsFunc(all, func(a *disk) bool { return a.node.Name == e.Node && a.skip == "" }) {
			d.skip = "another export has the same image"
		}
		all = append(all, d)
	}
	return all, nil
}

// deviceName is the device's id, else that of its drive, else the name that its node was given; else empty.
func deviceName(b *qmp.Block) string {
	name := b.Device
	if path, ok := strings.CutPrefix(name, "/machine/peripheral/"); ok {
		name, _, _ = strings.Cut(path, "/") // of a device within the device that has the id
	}
	switch {
	case name != "" && name[0] != '/':
		return name
	case b.Drive != "":
		return b.Drive
	case b.Medium != nil && !strings.HasPrefix(b.Medium.Name, "#"):
		return b.Medium.Name
	}
	return ""
}

// unique makes a name fit for a point: one that is not, or that another disk has, gives way to the disk's place.
func unique(all []*disk, name string, place int) string {
	taken := func(name string) bool { return slices.ContainsFunc(all, func(d *disk) bool { return d.name == name }) }
	if !format.PathName(name) || taken(name) {
		name = fmt.Sprintf("disk%d", place)
	}
	for taken(name) {
		name += "+"
	}
	return name
}

// bus is what the disk is plugged into, as far as the device's kind tells.
func (d *disk) bus() string {
	for _, bus := range []string{"virtio", "scsi", "ide", "nvme", "usb", "cfi.pflash", "floppy", "sd"} {
		if strings.HasPrefix(d.kind, bus) {
			return strings.TrimPrefix(bus, "cfi.")
		}
	}
	return d.kind
}
