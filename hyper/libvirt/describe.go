package libvirt

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	rpc "github.com/digitalocean/go-libvirt"
	xml "libvirt.org/go/libvirtxml"
)

// A Description is what the domain's XML says that a capture needs: libvirt, docs/formatdomain.
type Description struct {
	Disks []Disk

	// UID is the user that QEMU runs as, when the domain runs and libvirt says so; else -1.
	UID int

	// Agent tells that the guest's agent has its channel open.
	Agent bool

	// IOThreads tells that threads of their own serve some of the disks.
	IOThreads bool
}

// agentChannel is the name by which libvirt knows the channel to the guest's agent.
const agentChannel = "org.qemu.guest_agent.0"

// Describe tells how the domain is now, or, inactive, how it will be when it starts next.
func (d *Domain) Describe(ctx context.Context, inactive bool) (*Description, error) {
	text, err := d.XML(ctx, inactive)
	if err != nil {
		return nil, err
	}
	out, err := describe(text)
	return out, d.wrap("XML of", err)
}

func describe(text string) (*Description, error) {
	var dom xml.Domain
	if err := dom.Unmarshal(text); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	out := &Description{UID: uid(dom.SecLabel)}
	if dom.Devices == nil {
		return out, nil
	}
	out.IOThreads = threaded(dom.Devices)
	for i := range dom.Devices.Disks {
		out.Disks = append(out.Disks, disk(&dom.Devices.Disks[i]))
	}
	for _, c := range dom.Devices.Channels {
		if c.Target != nil && c.Target.VirtIO != nil && c.Target.VirtIO.Name == agentChannel && c.Target.VirtIO.State == "connected" {
			out.Agent = true
		}
	}
	return out, nil
}

// threaded tells whether a disk, or a controller of disks, is given to an iothread.
func threaded(d *xml.DomainDeviceList) bool {
	return slices.ContainsFunc(d.Disks, func(d xml.DomainDisk) bool {
		return d.Driver != nil && (d.Driver.IOThread != nil || d.Driver.IOThreads != nil)
	}) || slices.ContainsFunc(d.Controllers, func(c xml.DomainController) bool {
		return c.Driver != nil && (c.Driver.IOThread != 0 || c.Driver.IOThreads != nil)
	})
}

// uid reads the user of a label like +64055:+64055; names are not looked up, for they may be another host's.
func uid(labels []xml.DomainSecLabel) int {
	for _, l := range labels {
		user, _, _ := strings.Cut(l.Label, ":")
		if id, err := strconv.Atoi(strings.TrimPrefix(user, "+")); l.Model == "dac" && err == nil {
			return id
		}
	}
	return -1
}

// DiskSize asks for a disk's length in bytes, as the guest sees it.
func (d *Domain) DiskSize(ctx context.Context, target string) (int64, error) {
	n, err := ask(ctx, d.conn, func(l *rpc.Libvirt) (uint64, error) {
		_, capacity, _, err := l.DomainGetBlockInfo(d.raw, target, 0)
		return capacity, err
	})
	if err == nil && n > 1<<62 {
		err = fmt.Errorf("%w: %d bytes", ErrProtocol, n)
	}
	return int64(n), d.wrap("size of disk "+target+" of", err)
}

// Snapshots counts the domain's snapshots that libvirt knows of.
func (d *Domain) Snapshots(ctx context.Context) (int, error) {
	n, err := ask(ctx, d.conn, func(l *rpc.Libvirt) (int32, error) { return l.DomainSnapshotNum(d.raw, 0) })
	return int(n), d.wrap("count snapshots of", err)
}
