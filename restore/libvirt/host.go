package libvirt

import "context"

// look asks libvirt for what the machine needs of its host.
func (n *newMachine) look(ctx context.Context) error {
	n.networks = map[string]bool{}
	for _, card := range n.recorded.Devices.Interfaces {
		if card.Source == nil || card.Source.Network == nil {
			continue
		}
		name := card.Source.Network.Network
		active, err := activeNetwork(ctx, n.conn, name)
		if err != nil {
			return err
		}
		n.networks[name] = active
	}
	return nil
}

// has tells what the host has.
func (n *newMachine) has(ctx context.Context, kind, name string) presence {
	switch {
	case kind != hasNetwork:
		return n.host.has(ctx, kind, name)
	case n.networks[name]:
		return there
	}
	return absent
}
