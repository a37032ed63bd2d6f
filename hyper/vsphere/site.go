package vsphere

import "github.com/vmware/govmomi/vim25/types"

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
