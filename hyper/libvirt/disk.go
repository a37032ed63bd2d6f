package libvirt

import (
	"cmp"
	"fmt"
	"strings"

	xml "libvirt.org/go/libvirtxml"
)

// A Disk is one of a domain's.
type Disk struct {
	Target string // vda
	Bus    string // virtio
	Device string // disk, cdrom, floppy, lun
	Image
	ReadOnly  bool
	Shareable bool
	Transient bool
	Logical   int64   // sector sizes in bytes; 0 is not said
	Physical  int64   //
	Chain     []Image // what lies below, as far as the XML tells

	index uint // by which libvirt names what QEMU has of a running domain's disk; 0 is none
}

// Named tells whether an error of libvirt's or QEMU's names the disk, as in: … for disk 'vda', … in 'libvirt-1-format'.
func (d *Disk) Named(err error) bool {
	return names(err, d.Target) || d.index > 0 && strings.Contains(err.Error(), fmt.Sprintf("libvirt-%d-", d.index))
}

func names(err error, target string) bool { return strings.Contains(err.Error(), "'"+target+"'") }

// An Image is what a disk, or a layer of it, lies in.
type Image struct {
	Kind   string // file, block, network, volume, dir, nvme, vhostuser, vhostvdpa; "" is none
	Source string // path, PROTOCOL:NAME, or POOL/VOLUME; "" is an empty drive
	Format string // qcow2, raw
}

func disk(d *xml.DomainDisk) Disk {
	out := Disk{
		Device: cmp.Or(d.Device, "disk"), Image: image(d.Source, ""),
		ReadOnly: d.ReadOnly != nil, Shareable: d.Shareable != nil, Transient: d.Transient != nil,
	}
	if d.Source != nil {
		out.index = d.Source.Index
	}
	if d.Driver != nil {
		out.Format = d.Driver.Type
	}
	if d.Target != nil {
		out.Target, out.Bus = d.Target.Dev, d.Target.Bus
	}
	if d.BlockIO != nil {
		out.Logical, out.Physical = int64(d.BlockIO.LogicalBlockSize), int64(d.BlockIO.PhysicalBlockSize)
	}
	for b := d.BackingStore; b != nil && b.Source != nil; b = b.BackingStore {
		format := ""
		if b.Format != nil {
			format = b.Format.Type
		}
		out.Chain = append(out.Chain, image(b.Source, format))
	}
	return out
}

func image(s *xml.DomainDiskSource, format string) Image {
	switch {
	case s == nil:
		return Image{"", "", format}
	case s.File != nil:
		return Image{"file", s.File.File, format}
	case s.Block != nil:
		return Image{"block", s.Block.Dev, format}
	case s.Network != nil:
		return Image{"network", network(s.Network), format}
	case s.Volume != nil:
		return Image{"volume", s.Volume.Pool + "/" + s.Volume.Volume, format}
	case s.Dir != nil:
		return Image{"dir", s.Dir.Dir, format}
	case s.NVME != nil:
		return Image{"nvme", "nvme", format}
	case s.VHostUser != nil:
		return Image{"vhostuser", "vhost-user", format}
	case s.VHostVDPA != nil:
		return Image{"vhostvdpa", s.VHostVDPA.Dev, format}
	}
	return Image{"", "", format}
}

// network names a network disk by protocol, hosts and name.
func network(n *xml.DomainDiskSourceNetwork) string {
	var hosts []string
	for _, h := range n.Hosts {
		hosts = append(hosts, cmp.Or(h.Name, h.Socket)+strings.TrimSuffix(":"+h.Port, ":"))
	}
	at := ""
	if hosts != nil {
		at = "@" + strings.Join(hosts, ",")
	}
	return n.Protocol + ":" + n.Name + at
}
