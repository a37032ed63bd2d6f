package vsphere

import (
	"context"
	"fmt"
	"strings"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// A Site is the inventory as a new machine sees it: where it can be, and who is there. It is read in one go.
type Site struct {
	tree        *tree
	Datacenters []Datacenter
	Folders     []Folder // for machines
	Computes    []Compute
	Hosts       []Host
	Pools       []Pool
	Datastores  []Datastore
	Networks    []Network
	Occupants   []Occupant
}

// A Datacenter holds all that a machine needs.
type Datacenter struct {
	Ref      Ref
	Path     string // /DC
	Machines Ref    // the folder of its machines
}

// A Folder is one for machines, by its path /DC/vm/folder.
type Folder struct {
	Ref  Ref
	Path string
}

// A Compute is a cluster, or a host that stands alone.
type Compute struct {
	Ref        Ref
	Name, Path string // /DC/host/NAME
	Pool       Ref    // the root of its pools
	Datastores []Ref
	Networks   []Ref
}

// A Host is an ESXi.
type Host struct {
	Ref        Ref
	Name       string
	Compute    Ref
	Usable     bool // it is connected, and not in maintenance
	Datastores []Ref
	Networks   []Ref
}

// A Pool is one of resources.
type Pool struct {
	Ref        Ref
	Name, Path string // /DC/host/CLUSTER/Resources/NAME
	Compute    Ref
}

// A Datastore is where files of machines lie.
type Datastore struct {
	Ref        Ref
	Name, Path string
	Free       int64 // bytes
	Usable     bool  // it can be reached, and is not in maintenance
}

// A Network is what cards are plugged into.
type Network struct {
	Ref        Ref
	Name, Path string
	Key        string // of a distributed port group, or the ID of an opaque network; "" is a host's own
	backing    types.BaseVirtualDeviceBackingInfo
}

// Backing is a card's that is plugged into the network.
func (n *Network) Backing() types.BaseVirtualDeviceBackingInfo { return n.backing }

// An Occupant is a machine that is there, by all that no two may share.
type Occupant struct {
	Ref            Ref
	Name, Path     string
	UUID, Instance string
	MACs           []string // lower case
}

// Site reads the inventory: one round trip of the property collector, for all that the account may see.
func (c *Conn) Site(ctx context.Context) (*Site, error) {
	place := []string{"name", "parent"}
	with := func(more ...string) []string { return append(more, place...) }
	compute, port := with("resourcePool", "datastore", "network"), with("key", "config")
	objects, err := c.everything(ctx, // a subclass by its own name, too: its properties are those of the nearest class that is named
		want{"Folder", with("childType")}, want{"Datacenter", with("vmFolder")}, want{"ComputeResource", compute}, want{"ClusterComputeResource", compute},
		want{"HostSystem", with("runtime.connectionState", "runtime.inMaintenanceMode", "datastore", "network")},
		want{"ResourcePool", with("owner")}, want{"VirtualApp", with("parentFolder")}, want{"Datastore", with("summary")}, want{"StoragePod", place},
		want{"Network", place}, want{"DistributedVirtualPortgroup", port}, want{"OpaqueNetwork", with("summary")},
		want{"DistributedVirtualSwitch", with("uuid")}, want{"VmwareDistributedVirtualSwitch", with("uuid")},
		want{"VirtualMachine", with("parentVApp", "config.uuid", "config.instanceUuid", "config.hardware.device")})
	if err != nil {
		return nil, fmt.Errorf("look at the inventory of %s: %w", c.Host(), err)
	}
	s, switches := &Site{tree: &tree{nodes: map[Ref]mo.ManagedEntity{}}}, map[Ref]string{}
	for _, o := range objects {
		s.tree.nodes[o.Obj] = entityOf(o)
		if uuid, ok := prop[string](o, "uuid"); ok {
			switches[o.Obj] = uuid
		}
	}
	for _, o := range objects {
		s.add(o, switches)
	}
	return s, nil
}

// entityOf is entity for objects with more properties.
func entityOf(o types.ObjectContent) (e mo.ManagedEntity) {
	e.Self = o.Obj
	e.Name, _ = prop[string](o, "name")
	for _, p := range []string{"parent", "parentFolder", "parentVApp"} {
		if ref, ok := prop[Ref](o, p); ok {
			e.Parent = &ref
		}
	}
	return e
}

// prop is one property of an object.
func prop[T any](o types.ObjectContent, name string) (v T, ok bool) {
	for _, p := range o.PropSet {
		if p.Name == name {
			v, ok = p.Val.(T)
		}
	}
	return v, ok
}

func (s *Site) add(o types.ObjectContent, switches map[Ref]string) {
	ref, name := o.Obj, s.tree.nodes[o.Obj].Name
	path := s.tree.path(&ref)
	switch ref.Type {
	case "Datacenter":
		folder, _ := prop[Ref](o, "vmFolder")
		s.Datacenters = append(s.Datacenters, Datacenter{ref, path, folder})
	case "Folder":
		if kinds, _ := prop[types.ArrayOfString](o, "childType"); contains(kinds.String, "VirtualMachine") {
			s.Folders = append(s.Folders, Folder{ref, path})
		}
	case "ComputeResource", "ClusterComputeResource":
		pool, _ := prop[Ref](o, "resourcePool")
		s.Computes = append(s.Computes, Compute{ref, name, path, pool, refs(o, "datastore"), refs(o, "network")})
	case "HostSystem":
		s.Hosts = append(s.Hosts, host(o, name))
	case "ResourcePool": // a vApp is one, too, in which machines are made in another way
		owner, _ := prop[Ref](o, "owner")
		s.Pools = append(s.Pools, Pool{ref, name, path, owner})
	case "Datastore":
		d, _ := prop[types.DatastoreSummary](o, "summary")
		s.Datastores = append(s.Datastores, Datastore{ref, name, path, d.FreeSpace, d.Accessible && (d.MaintenanceMode == "" || d.MaintenanceMode == "normal")})
	case "Network", "DistributedVirtualPortgroup", "OpaqueNetwork":
		s.network(o, name, path, switches)
	case "VirtualMachine":
		s.Occupants = append(s.Occupants, occupant(o, name, path))
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func refs(o types.ObjectContent, name string) []Ref {
	a, _ := prop[types.ArrayOfManagedObjectReference](o, name)
	return a.ManagedObjectReference
}

func host(o types.ObjectContent, name string) Host {
	state, _ := prop[types.HostSystemConnectionState](o, "runtime.connectionState")
	away, _ := prop[bool](o, "runtime.inMaintenanceMode")
	parent, _ := prop[Ref](o, "parent")
	return Host{o.Obj, name, parent, state == types.HostSystemConnectionStateConnected && !away, refs(o, "datastore"), refs(o, "network")}
}

// network keeps what a card can be plugged into: not the port group of a switch's uplinks.
func (s *Site) network(o types.ObjectContent, name, path string, switches map[Ref]string) {
	n := Network{Ref: o.Obj, Name: name, Path: path}
	switch o.Obj.Type {
	case "Network":
		n.backing = &types.VirtualEthernetCardNetworkBackingInfo{
			VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: name}, Network: &n.Ref,
		}
	case "DistributedVirtualPortgroup":
		config, _ := prop[types.DVPortgroupConfigInfo](o, "config")
		if on(config.Uplink) || config.DistributedVirtualSwitch == nil {
			return
		}
		n.Key, _ = prop[string](o, "key")
		n.backing = &types.VirtualEthernetCardDistributedVirtualPortBackingInfo{
			Port: types.DistributedVirtualSwitchPortConnection{PortgroupKey: n.Key, SwitchUuid: switches[*config.DistributedVirtualSwitch]},
		}
	case "OpaqueNetwork":
		summary, ok := prop[types.OpaqueNetworkSummary](o, "summary")
		if !ok {
			return
		}
		n.Key = summary.OpaqueNetworkId
		n.backing = &types.VirtualEthernetCardOpaqueNetworkBackingInfo{OpaqueNetworkId: n.Key, OpaqueNetworkType: summary.OpaqueNetworkType}
	}
	s.Networks = append(s.Networks, n)
}

func occupant(o types.ObjectContent, name, path string) Occupant {
	m := Occupant{Ref: o.Obj, Name: name, Path: path}
	m.UUID, _ = prop[string](o, "config.uuid")
	m.Instance, _ = prop[string](o, "config.instanceUuid")
	devices, _ := prop[types.ArrayOfVirtualDevice](o, "config.hardware.device")
	for _, d := range devices.VirtualDevice {
		if e, ok := d.(types.BaseVirtualEthernetCard); ok && e.GetVirtualEthernetCard().MacAddress != "" {
			m.MACs = append(m.MACs, strings.ToLower(e.GetVirtualEthernetCard().MacAddress))
		}
	}
	return m
}

// Child tells whether there is anything of that name right below a folder: two of one name cannot be.
func (s *Site) Child(folder Ref, name string) bool {
	for _, n := range s.tree.nodes {
		if n.Parent != nil && *n.Parent == folder && strings.EqualFold(n.Name, name) {
			return true
		}
	}
	return false
}
