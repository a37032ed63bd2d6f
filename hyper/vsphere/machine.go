package vsphere

import (
	"context"
	"fmt"
	"time"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// A Machine is what a capture asks of one, at one moment.
type Machine struct {
	Ref        Ref
	Name       string
	UUID       string // instance UUID, which survives that the machine is registered again
	Power      string // poweredOn, poweredOff, suspended
	Host       *Ref
	HostName   string
	Template   bool
	Fault      bool // fault tolerance is on
	Hardware   string
	Guest      string // its operating system's family, when VMware Tools told it
	Tools      bool   // VMware Tools run in it
	Disks      []Disk
	Snapshots  []Snapshot // all, from old to new
	Current    *Ref       // the snapshot that the machine runs on
	Merge      bool       // disks need consolidation
	Trackable  bool       // changed block tracking can be had
	Tracking   bool       // it is on
	Config     *types.VirtualMachineConfigInfo
	Files      []types.VirtualMachineFileLayoutExFileInfo
	layout     *types.VirtualMachineFileLayoutEx
	recent     []Ref // tasks
	Pool       *Ref
	Folder     *Ref
	Networks   []Ref
	Datastores []Ref
	Attributes []types.BaseCustomFieldValue
}

// A Snapshot is one of a machine.
type Snapshot struct {
	Ref     Ref
	Name    string
	Created time.Time
	Quiet   bool // the guest was quiesced
}

// maxSnapshots bounds the snapshots of a machine: VMware allows 32 in a chain.
const maxSnapshots = 1 << 12

// Machine looks at a machine.
func (c *Conn) Machine(ctx context.Context, ref Ref) (*Machine, error) {
	var v mo.VirtualMachine
	err := c.get(ctx, ref, &v, "name", "parent", "parentVApp", "config", "runtime", "guest.guestFamily", "guest.toolsRunningStatus", "snapshot", "layoutEx", "capability",
		"resourcePool", "network", "datastore", "customValue", "recentTask")
	if err != nil {
		return nil, err
	}
	if v.Config == nil {
		return nil, fmt.Errorf("%s (%s): the server does not tell its configuration: its host is not connected, or its files cannot be reached", v.Name, ref.Value)
	}
	m := &Machine{
		Ref: v.Self, Name: v.Name, UUID: v.Config.InstanceUuid, Power: string(v.Runtime.PowerState), Host: v.Runtime.Host, Hardware: v.Config.Version,
		Template: v.Config.Template, Disks: Disks(v.Config.Hardware.Device), Config: v.Config, Pool: v.ResourcePool, Folder: v.Parent,
		Networks: v.Network, Datastores: v.Datastore, Attributes: v.CustomValue, layout: v.LayoutEx, recent: v.RecentTask,
		Trackable: v.Capability.ChangeTrackingSupported, Tracking: on(v.Config.ChangeTrackingEnabled), Merge: v.Runtime.ConsolidationNeeded,
		Fault: v.Config.FtInfo != nil,
	}
	if m.Folder == nil {
		m.Folder = v.ParentVApp
	}
	if v.LayoutEx != nil {
		m.Files = v.LayoutEx.File
	}
	if v.Guest != nil {
		m.Guest = v.Guest.GuestFamily
		m.Tools = v.Guest.ToolsRunningStatus == string(types.VirtualMachineToolsRunningStatusGuestToolsRunning)
	}
	if v.Snapshot != nil {
		m.Current = v.Snapshot.CurrentSnapshot
		m.Snapshots = flat(nil, v.Snapshot.RootSnapshotList)
	}
	if m.Host != nil {
		if m.HostName, err = c.hostName(ctx, *m.Host); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// hostName is a host's name, which is asked for once in a session.
func (c *Conn) hostName(ctx context.Context, host Ref) (string, error) {
	if name, ok := c.hosts.Load(host); ok {
		return name.(string), nil
	}
	names, err := c.named(ctx, []Ref{host})
	if err == nil && names[host] != "" {
		c.hosts.Store(host, names[host])
	}
	return names[host], err
}

func on(b *bool) bool { return b != nil && *b }

// flat lists a tree of snapshots.
func flat(out []Snapshot, tree []types.VirtualMachineSnapshotTree) []Snapshot {
	for _, s := range tree {
		if len(out) == maxSnapshots {
			break
		}
		out = flat(append(out, Snapshot{s.Snapshot, s.Name, s.CreateTime, s.Quiesced}), s.ChildSnapshotList)
	}
	return out
}

// Chain is how many files a disk stands on, by its device key: 1 when it has no snapshots and is no clone; 0 is unknown.
func (m *Machine) Chain(key int32) int {
	if m.layout == nil {
		return 0
	}
	for _, d := range m.layout.Disk {
		if d.Key == key {
			return len(d.Chain)
		}
	}
	return 0
}

// SnapshotConfig is the machine's configuration as a snapshot holds it: the change marks of its disks are those of its instant.
func (c *Conn) SnapshotConfig(ctx context.Context, snapshot Ref) (*types.VirtualMachineConfigInfo, error) {
	var s mo.VirtualMachineSnapshot
	if err := c.get(ctx, snapshot, &s, "config"); err != nil {
		return nil, err
	}
	return &s.Config, nil
}

// Root is the root of the inventory.
func (c *Conn) Root() Ref { return c.vim.ServiceContent.RootFolder }
