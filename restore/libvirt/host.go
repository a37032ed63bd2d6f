package libvirt

import (
	"context"
	"os"
	"path/filepath"
)

// look asks libvirt for the networks that the machine needs.
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

// has tells what this host has.
func (n *newMachine) has(kind, name string) bool {
	switch kind {
	case hasNetwork:
		return n.networks[name]
	case hasDevice:
		name = filepath.Join("/sys/class/net", name)
	}
	_, err := os.Stat(name)
	return err == nil
}
