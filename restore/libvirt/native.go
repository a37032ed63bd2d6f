package libvirt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"libvirt.org/go/libvirtxml"

	hyper "vbfs/hyper/libvirt"
	"vbfs/index/format"
	"vbfs/restore/machine"
	"vbfs/restore/translate"
)

// A native is a machine as if libvirt had recorded it.
type native struct {
	machine.Machine
	names map[string]string // what the point calls disks, by target; nil: the same
	named []string          // a note of that
	notes []string          // of the definition
}

// asNative translates what another hypervisor recorded. A machine that libvirt recorded is given as it is, and so is one that nobody
// did.
//
// The firmware's variables stay out: VMware's NVRAM is not QEMU's, and put in its place would keep the machine from starting.
func asNative(ctx context.Context, conn *hyper.Conn, m machine.Machine) (*native, error) {
	if m.Config(kindDomain) != nil {
		return &native{Machine: m}, nil
	}
	g, err := translate.Domain(m)
	if errors.Is(err, machine.ErrNoDefinition) {
		return &native{Machine: m}, nil
	}
	if err != nil {
		return nil, err
	}
	if g.Domain.OS.Firmware == "efi" {
		g.Notes = append(g.Notes, "its firmware begins with an empty NVRAM, for VMware's is not QEMU's: if it finds nothing to start, say what in its menu")
	}
	if err := fit(ctx, conn, g); err != nil {
		return nil, err
	}
	return called(m, g)
}

// fit makes what of a domain depends on its host.
func fit(ctx context.Context, conn *hyper.Conn, g *translate.Guest) error {
	kvm, err := conn.KVM(ctx, g.Domain.OS.Type.Arch)
	if err != nil {
		return err
	}
	if !kvm {
		g.Emulated()
	}
	for i := range g.Domain.Devices.Interfaces {
		if err := connect(ctx, conn, g, i); err != nil {
			return err
		}
	}
	return nil
}

// byDefault is the network that libvirt comes with.
const byDefault = "default"

// connect puts a card on the network default if its own is not here. If that is not either, it keeps its own.
func connect(ctx context.Context, conn *hyper.Conn, g *translate.Guest, i int) error {
	card := g.Domain.Devices.Interfaces[i].Source.Network
	active, err := activeNetwork(ctx, conn, card.Network)
	if err != nil || active || card.Network == byDefault {
		return err
	}
	if active, err = activeNetwork(ctx, conn, byDefault); err != nil || !active {
		return err
	}
	g.Notes = append(g.Notes, fmt.Sprintf("network card %d is on the network default: there is no active network %s", i, card.Network))
	card.Network = byDefault
	return nil
}

func activeNetwork(ctx context.Context, conn *hyper.Conn, name string) (bool, error) {
	active, err := conn.NetworkActive(ctx, name)
	if errors.Is(err, hyper.ErrNoNetwork) || errors.Is(err, hyper.ErrUnsupported) {
		return false, nil
	}
	return active, err
}

// called gives the machine with its disks called by their targets, and the domain in the place of what was recorded.
func called(m machine.Machine, g *translate.Guest) (*native, error) {
	xml, err := g.Domain.Marshal()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", machine.ErrBadDefinition, err)
	}
	n := &native{Machine: m, names: map[string]string{}, notes: g.Notes}
	point := *m.Point
	point.Configs = []format.ConfigFile{{Kind: kindDomain, Name: "domain.xml", Data: []byte(xml)}}
	point.Disks = slices.Clone(point.Disks)
	for i := range point.Disks {
		n.call(&point.Disks[i], g)
	}
	n.Point, n.Disks = &point, slices.Clone(m.Disks)
	for i := range n.Disks {
		r := *n.Disks[i].Record
		n.call(&r, g)
		n.Disks[i].Record = &r
	}
	n.named = []string{"its disks are called otherwise here: " + n.renamed(g.Domain.Devices.Disks)}
	return n, nil
}

// call gives a disk its target's name. VMware's marks are not checkpoints.
func (n *native) call(d *format.Disk, g *translate.Guest) {
	if dev := g.Disks[d.Name]; dev != "" {
		n.names[dev] = d.Name
		d.Name, d.Tracking = dev, ""
	}
}

// renamed lists what became of the names.
func (n *native) renamed(disks []libvirtxml.DomainDisk) string {
	var all []string
	for i := range disks {
		if name := n.names[target(&disks[i])]; name != "" {
			all = append(all, name+" "+target(&disks[i]))
		}
	}
	return strings.Join(all, ", ")
}

// finish makes a result the user's: disks by the names that the point has for them.
func (n *native) finish(r *machine.Result) *machine.Result {
	r.Notes = slices.Concat(n.notes, n.named, r.Notes)
	for i := range r.Disks {
		if name, ok := n.names[r.Disks[i].Name]; ok {
			r.Disks[i].Name = name
		}
	}
	return r
}
