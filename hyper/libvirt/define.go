package libvirt

import (
	"context"
	"fmt"

	rpc "github.com/digitalocean/go-libvirt"
)

// Create makes a domain of XML that a libvirt once gave. It is not held against libvirt's schema, which is narrower than what
// libvirt itself takes and writes.
func (c *Conn) Create(ctx context.Context, xml string) (*Domain, error) {
	var raw rpc.Domain
	err := say(ctx, c, func(l *rpc.Libvirt) (err error) {
		raw, err = l.DomainDefineXMLFlags(xml, 0)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("define domain: %w", err)
	}
	return &Domain{c, raw}, nil
}

// ForgetCheckpoint has libvirt forget a checkpoint whose bitmaps are gone, which works on a domain that is shut off, too.
func (d *Domain) ForgetCheckpoint(ctx context.Context, name string) error {
	err := d.deleteCheckpoint(ctx, name, rpc.DomainCheckpointDeleteMetadataOnly)
	return d.wrap("forget checkpoint "+name+" of", err)
}

// Saved tells whether the domain goes on from a saved state when it starts next: `virsh managedsave`.
func (d *Domain) Saved(ctx context.Context) (bool, error) {
	n, err := ask(ctx, d.conn, func(l *rpc.Libvirt) (int32, error) { return l.DomainHasManagedSaveImage(d.raw, 0) })
	return n != 0, d.wrap("saved state of", err)
}

// NetworkActive tells whether there is a network of that name, and guests can be on it.
func (c *Conn) NetworkActive(ctx context.Context, name string) (bool, error) {
	n, err := ask(ctx, c, func(l *rpc.Libvirt) (int32, error) {
		network, err := l.NetworkLookupByName(name)
		if err != nil {
			return 0, err
		}
		return l.NetworkIsActive(network)
	})
	if err != nil {
		return false, fmt.Errorf("network %s: %w", name, err)
	}
	return n != 0, nil
}
