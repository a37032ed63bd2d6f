package libvirt

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	hyper "vbfs/hyper/libvirt"
)

// look asks libvirt for the networks that the machine needs.
func (n *newMachine) look(ctx context.Context) error {
	n.networks = map[string]bool{}
	for _, card := range n.recorded.Devices.Interfaces {
		if card.Source == nil || card.Source.Network == nil {
			continue
		}
		name := card.Source.Network.Network
		active, err := n.conn.NetworkActive(ctx, name)
		if err != nil && !errors.Is(err, hyper.ErrNoNetwork) && !errors.Is(err, hyper.ErrUnsupported) {
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
