package libvirt

import (
	"context"
	"fmt"

	rpc "github.com/digitalocean/go-libvirt"
)

// Define makes a domain of XML, or changes the one that has its UUID.
func (c *Conn) Define(ctx context.Context, xml string) (*Domain, error) {
	var raw rpc.Domain
	err := say(ctx, c, func(l *rpc.Libvirt) (err error) {
		raw, err = l.DomainDefineXMLFlags(xml, rpc.DomainDefineValidate)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("define domain: %w", err)
	}
	return &Domain{c, raw}, nil
}

// Undefine makes libvirt forget a domain, with its checkpoints' metadata, but for its NVRAM and its disks. One that runs goes
// when it ends.
func (d *Domain) Undefine(ctx context.Context) error {
	flags := rpc.DomainUndefineCheckpointsMetadata | rpc.DomainUndefineKeepNvram
	return d.wrap("undefine", say(ctx, d.conn, func(l *rpc.Libvirt) error { return l.DomainUndefineFlags(d.raw, flags) }))
}

// Start starts a domain that is shut off.
func (d *Domain) Start(ctx context.Context) error {
	return d.wrap("start", say(ctx, d.conn, func(l *rpc.Libvirt) error { return l.DomainCreate(d.raw) }))
}

// Suspend stops the domain's processors, Resume lets them go on.
func (d *Domain) Suspend(ctx context.Context) error {
	return d.wrap("suspend", say(ctx, d.conn, func(l *rpc.Libvirt) error { return l.DomainSuspend(d.raw) }))
}

// Resume lets a paused domain go on. It is repeated when the connection is lost, for it must not be missed.
func (d *Domain) Resume(ctx context.Context) error {
	_, err := ask(ctx, d.conn, func(l *rpc.Libvirt) (struct{}, error) { return struct{}{}, l.DomainResume(d.raw) })
	return d.wrap("resume", err)
}

// Versions tells those of libvirt and of QEMU on the host, as 9.0.0.
func (c *Conn) Versions(ctx context.Context) (libvirt, qemu string, err error) {
	v, err := ask(ctx, c, func(l *rpc.Libvirt) (uint64, error) { return l.ConnectGetLibVersion() })
	if err != nil {
		return "", "", fmt.Errorf("version of libvirt: %w", err)
	}
	q, err := ask(ctx, c, func(l *rpc.Libvirt) (uint64, error) { return l.ConnectGetVersion() })
	if err != nil {
		return "", "", fmt.Errorf("version of QEMU: %w", err)
	}
	return version(v), version(q), nil
}

// version writes a number of libvirt's: major * 1,000,000 + minor * 1,000 + release.
func version(n uint64) string { return fmt.Sprintf("%d.%d.%d", n/1000000, n/1000%1000, n%1000) }
