package vsphere

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	hyper "vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/spec"
)

// A plug is what a card goes into.
type plug struct {
	network *hyper.Network // nil: what was recorded names no network
	connect bool           // if it was
}

func ofNetwork(n *hyper.Network) (name, path string) { return n.Name, n.Path }

// connect finds the networks of all cards.
func (n *newMachine) connect() error {
	all := where(n.site.Networks, func(w *hyper.Network) bool { return slices.Contains(n.compute.Networks, w.Ref) })
	n.networks = map[int32]plug{}
	used := map[string]bool{}
	for _, c := range spec.Cards(n.info.Hardware.Device) {
		name, key := n.networkOf(c.Backing)
		wanted := ""
		for _, old := range []string{name, key, c.Label} {
			if to := n.o.Networks[old]; to != "" && old != "" && wanted == "" {
				wanted, used[old] = to, true
			}
		}
		p, err := n.plugInto(c, wanted, all)
		if err != nil {
			return fmt.Errorf("network card %s: %w", cmp.Or(c.Label, c.MAC), err)
		}
		n.networks[c.Key] = p
	}
	for old := range n.o.Networks {
		if !used[old] {
			return fmt.Errorf("%w: the machine has no card in a network %s", ErrNoPlace, old)
		}
	}
	return nil
}

// networkOf is the name of what a card was plugged into, and what its switch calls it.
func (n *newMachine) networkOf(b types.BaseVirtualDeviceBackingInfo) (name, key string) {
	switch b := b.(type) {
	case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
		key = b.Port.PortgroupKey
	case *types.VirtualEthernetCardOpaqueNetworkBackingInfo:
		key = b.OpaqueNetworkId
	case types.BaseVirtualDeviceDeviceBackingInfo:
		name = b.GetVirtualDeviceDeviceBackingInfo().DeviceName
	}
	if key != "" {
		name = n.was.NetworkNames[key]
	}
	return name, key
}

// plugInto finds a card's network: the one that was named; the recorded one, by its name, or by its key when no name was recorded; else the
// only one, to which it is not connected, for nobody said that it belongs there.
func (n *newMachine) plugInto(c spec.Card, wanted string, all []hyper.Network) (plug, error) {
	name, key := n.networkOf(c.Backing)
	if wanted == "" && name == "" && key == "" {
		return plug{connect: true}, nil
	}
	for i := range all {
		if key != "" && all[i].Key == key && wanted == "" && (name == "" || name == all[i].Name) {
			return plug{&all[i], true}, nil
		}
	}
	name = cmp.Or(name, key)
	network, err := pick(choice{"network", fmt.Sprintf("--network '%s=NAME'", name), wanted, name, ErrNoPlace}, all, ofNetwork)
	if err != nil {
		return plug{}, err
	}
	known := wanted != "" || network.Name == name
	if !known {
		n.note("network card %s is not connected: the network %s is not there, and %s is the only one", cmp.Or(c.Label, c.MAC), name, network.Name)
	}
	return plug{network, known}, nil
}

// backing is what a card is plugged into, for spec.Wish.
func (n *newMachine) backing(key int32) (types.BaseVirtualDeviceBackingInfo, bool) {
	p := n.networks[key]
	if p.network == nil {
		for _, c := range spec.Cards(n.info.Hardware.Device) {
			if c.Key == key {
				return c.Backing, p.connect
			}
		}
		return nil, p.connect
	}
	return p.network.Backing(), p.connect
}
