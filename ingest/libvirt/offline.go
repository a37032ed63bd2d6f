package libvirt

import (
	"context"
	"errors"

	"vbfs/hyper/libvirt"
	"vbfs/ingest"
)

// takeOffline captures a domain that is shut off.
func (m *Machine) takeOffline(ctx context.Context, w ingest.Wish, dom *libvirt.Domain) (*ingest.Shot, error) {
	return nil, errors.New("domain is shut off")
}
