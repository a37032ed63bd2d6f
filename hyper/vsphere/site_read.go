package vsphere

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// siteWants are the properties that a site is made of. A subclass is asked for by its own name, too: its properties are those of the nearest
// class that is named.
func siteWants() []want {
	place := []string{"name", "parent"}
	with := func(more ...string) []string { return append(more, place...) }
	compute, port := with("resourcePool", "datastore", "network"), with("key", "config")
	return []want{
		{"Folder", with("childType")}, {"Datacenter", with("vmFolder")}, {"ComputeResource", compute}, {"ClusterComputeResource", compute},
		{"HostSystem", with("runtime.connectionState", "runtime.inMaintenanceMode", "datastore", "network")},
		{"ResourcePool", with("owner")}, {"VirtualApp", with("parentFolder")}, {"Datastore", with("summary")}, {"StoragePod", place},
		{"Network", place}, {"DistributedVirtualPortgroup", port}, {"OpaqueNetwork", with("summary")},
		{"DistributedVirtualSwitch", with("uuid")}, {"VmwareDistributedVirtualSwitch", with("uuid")},
		{"VirtualMachine", with("parentVApp", "config.uuid", "config.instanceUuid", "config.hardware.device")},
	}
}

// Site reads the inventory: one round trip of the property collector, for all that the account may see.
func (c *Conn) Site(ctx context.Context) (*Site, error) {
	objects, err := c.everything(ctx, siteWants()...)
	if err != nil {
		return nil, fmt.Errorf("look at the inventory of %s: %w", c.Host(), err)
	}
	s := &Site{tree: &tree{nodes: map[Ref]mo.ManagedEntity{}}}
	s.take(objects)
	return s, nil
}

func (s *Site) take(objects []types.ObjectContent) {
	switches := map[Ref]string{}
	for _, o := range objects {
		s.tree.nodes[o.Obj] = entityOf(o)
		if uuid, ok := prop[string](o, "uuid"); ok {
			switches[o.Obj] = uuid
		}
	}
	for _, o := range objects {
		s.add(o, switches)
	}
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
		if kinds, _ := prop[types.ArrayOfString](o, "childType"); slices.Contains(kinds.String, "VirtualMachine") {
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

// Child is what has that name right below a folder: two of one name cannot be. A Ref without a Value is: nothing.
func (s *Site) Child(folder Ref, name string) Ref {
	for ref, n := range s.tree.nodes {
		if n.Parent != nil && *n.Parent == folder && strings.EqualFold(n.Name, name) {
			return ref
		}
	}
	return Ref{}
}
